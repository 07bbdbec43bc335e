import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkToCell } from '../../sandbox/cell/order-check.ts';
import type { ToCell } from '../../sandbox/protocol.ts';
import { cellLaunch } from '../../src/supervisor/cell-launch.ts';
import { CellProcess } from '../../src/supervisor/cell-process.ts';
import { LIMITS } from '../support/python-harness.ts';

const at = { sandbox: 1, incarnation: 2 };
const info = { tick: 1, intervalMs: null, dueAt: 1, lastTickAt: null, startedBy: 'start' };

/** One of each kind, with everything that it may have. */
const GOOD: readonly ToCell[] = [
  { kind: 'init', protocol: 3, backend: 'pyodide', prelude: '', pythonScript: '', snapshotFile: 'x', slots: 2 },
  { kind: 'init', protocol: 3, backend: 'isolate', prelude: '', makeSnapshot: true, slots: 2 },
  { kind: 'slots', count: 3 },
  {
    kind: 'load',
    ...at,
    spec: {
      worker: 'default/w',
      name: 'w',
      version: '1',
      language: 'javascript',
      code: '1',
      files: { 'a.py': '' },
      entry: 'w.js',
      params: null,
      connected: {},
      capabilities: [{ adapter: 'http', method: 'get', parameters: ['url'] }],
      unconnected: { x: 'y' },
      state: [['__proto__', '1']],
      limits: LIMITS,
    },
  },
  { kind: 'run', ...at, run: 1, fn: 'tick', timeoutMs: 1, graceMs: 0, info },
  {
    kind: 'run',
    ...at,
    run: 1,
    fn: 'on_error',
    timeoutMs: 1,
    graceMs: 0,
    info: { ...info, intervalMs: 1, lastTickAt: 1 },
    world: { nowMs: 1, seed: 2 },
    unresolved: { a: '[]' },
    error: { name: 'E', message: '', stack: '' },
  },
  { kind: 'hold', ...at, run: 1 },
  { kind: 'reply', ...at, call: 1, json: 'null', heldMs: 1 },
  { kind: 'refuse', ...at, call: 1, code: 'X', message: '' },
  { kind: 'dump', ...at, dump: 1 },
  {
    kind: 'patch',
    ...at,
    patch: 1,
    replace: false,
    changes: [
      ['a', null],
      ['b', '1'],
    ],
  },
  { kind: 'cancel', ...at, run: 1 },
  { kind: 'unload', ...at },
];

test.each(GOOD.map((order) => [order.kind, order] as const))('a cell takes a right %s', (_kind, order) => {
  expect(checkToCell(JSON.parse(JSON.stringify(order)))).toEqual(order);
});

test('a cell takes none with a key too many, or one that is missing or wrong', () => {
  const optional = ['pythonScript', 'snapshotFile', 'makeSnapshot', 'world', 'unresolved', 'error', 'heldMs'];
  for (const order of GOOD) {
    for (const more of ['"more":1', '"__proto__":{}'])
      expect(checkToCell(JSON.parse(`${JSON.stringify(order).slice(0, -1)},${more}}`)), order.kind).toBeNull();
    for (const key of Object.keys(order)) {
      for (const wrong of [Number.NaN, -1, [], 'x'.repeat(3), { more: 1 }]) {
        if (typeof (order as unknown as Record<string, unknown>)[key] === typeof wrong && wrong !== -1) continue;
        if (wrong === -1 && ['timeoutMs', 'graceMs', 'heldMs'].includes(key)) continue;
        expect(checkToCell({ ...order, [key]: wrong }), `${order.kind} ${key} ${String(wrong)}`).toBeNull();
      }
      const without = { ...order, [key]: undefined };
      if (!optional.includes(key)) expect(checkToCell(without), `${order.kind} without ${key}`).toBeNull();
    }
  }
});

test('a cell takes nothing else, whatever it is', () => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true }), (value) => {
      expect(checkToCell(value)).toBeNull();
    }),
    { numRuns: 2_000, seed: 7 },
  );
  for (const kind of ['__proto__', 'constructor', 'toString']) expect(checkToCell({ kind, ...at })).toBeNull();
});

test('a real cell that gets something else says so and ends', async () => {
  const said = await new Promise<string>((resolve) => {
    const cell = new CellProcess(cellLaunch(), {
      onMessage: (message) => message.kind === 'fatal' && resolve(message.message),
      onClosed: (reason) => resolve(reason),
    });
    cell.sendText('{"kind":"slots","count":1,"more":1}');
  });
  expect(said).toBe('an order is not one of the protocol');
});
