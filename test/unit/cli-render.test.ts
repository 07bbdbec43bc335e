import { describe, expect, test } from 'vitest';
import { renderCell, renderLog, renderState, renderTick, renderWorker } from '../../src/cli/render.ts';
import { keyLabel, milliseconds, printable, valueLabel, workerLabel } from '../../src/cli/text.ts';

const TICK = {
  worker: 'default/a',
  tick: 3,
  fn: 'tick',
  outcome: 'ok',
  dueAt: 0,
  startedAt: 0,
  durationMs: 3.14,
  cpuMs: 1,
  latenessMs: 0,
  skipped: 0,
  errorCode: null,
  errorMessage: null,
} as const;

describe('text of a worker', () => {
  test('cannot drive the terminal of the person who reads it', () => {
    const hostile = 'a\u001b[2Jb\u0007c\rd\u009b31me\u202ef\u0000\u007f';
    expect(printable(hostile)).toBe('a\\x1b[2Jb\\x07c\\x0dd\\x9b31me\\u202ef\\x00\\x7f');
    const log = {
      worker: 'default/a',
      at: 0,
      level: 'info',
      text: hostile,
      fields: JSON.stringify({ x: '\u202e' }),
      tick: 1,
    } as const;
    const state = { worker: 'default/a', tick: 1, changes: [{ key: hostile, json: JSON.stringify('\u009b') }] };
    const tick = { ...TICK, outcome: 'error', errorMessage: hostile } as const;
    const worker = { worker: 'default/a', from: 'ticking', to: 'failed', reason: hostile, code: null } as const;
    for (const { text } of [
      renderLog(log),
      renderState(state),
      renderTick(tick),
      renderWorker(worker) ?? { text: '' },
    ]) {
      expect(text).toBe(printable(text));
      expect(text).toContain('\\x');
    }
  });

  test('keeps newlines, tabs and every letter', () => {
    expect(printable('Grüße\t你好 🚀\r\nzwei')).toBe('Grüße\t你好 🚀\nzwei');
  });
});

describe('a key and a value of a state in a line', () => {
  test('are as they are where nobody could take them for something else', () => {
    for (const key of ['count', 'a.b/c-d', 'größe', '🚀', 'toString']) expect(keyLabel(key)).toBe(key);
    expect(valueLabel('{"a b":"c\\nd"}')).toBe('{"a b":"c\\nd"}');
  });

  test('cannot forge another line, another value, or nothing at all', () => {
    expect(keyLabel('')).toBe('""');
    expect(keyLabel('a\n  - b = 0')).toBe('"a\\n  - b = 0"');
    expect(keyLabel('a = 1')).toBe('"a = 1"');
    expect(keyLabel('"a"')).toBe('"\\"a\\""');
    expect(keyLabel('a\u202eb')).toBe('a\\u202eb');
    expect(keyLabel('a\u009bb')).toBe('"a\\x9bb"');
    expect(valueLabel('[1,\r\n  2,\n\n3]')).toBe('[1, 2, 3]');
    const changes = [{ key: 'a\nb', json: '[\n1]' }];
    expect(renderState({ worker: 'default/a', tick: 1, changes }).text).toBe('"a\\nb" = [ 1]');
  });
});

describe('a line for people', () => {
  test('tells how a tick ended, and more only when there is more to tell', () => {
    expect(renderTick(TICK)).toMatchObject({ who: 'a', what: 'tick', text: '#3 ok 3.1 ms', important: false });
    const bad = {
      ...TICK,
      worker: 'w/a',
      outcome: 'timeout',
      latenessMs: 250,
      skipped: 2,
      errorMessage: 'too slow',
    } as const;
    expect(renderTick(bad)).toMatchObject({
      who: 'w/a',
      text: '#3 timeout 3.1 ms, 250 ms late, 2 skipped before: too slow',
      important: true,
    });
  });

  test('cuts long values and long lists of changes', () => {
    const changes = Array.from({ length: 20 }, (_, index) => ({
      key: `k${index}`,
      json: JSON.stringify('x'.repeat(1_000)),
    }));
    const { text } = renderState({ worker: 'default/a', tick: 1, changes: [{ key: 'gone', json: null }, ...changes] });
    expect(text).toMatch(/^gone deleted, k0 = "x+…, .*and 13 more$/);
    expect(text.length).toBeLessThan(1_000);
  });

  test('leaves out the steps that every tick takes', () => {
    const step = { worker: 'default/a', reason: null, code: null } as const;
    expect(renderWorker({ ...step, from: 'waiting', to: 'ticking' })).toBeUndefined();
    expect(renderWorker({ ...step, from: 'ticking', to: 'waiting' })).toBeUndefined();
    expect(renderWorker({ ...step, from: 'ticking', to: 'handling' })).toMatchObject({ text: 'ticking → handling' });
  });

  test('keeps the first line of a reason', () => {
    const cell = { pid: 7, backend: 'isolate', event: 'lost', reason: 'gone\n  at x', workers: 2 } as const;
    expect(renderCell(cell)).toMatchObject({ who: 'cell 7', text: 'lost (isolate, 2 workers): gone', important: true });
  });

  test('names the workspace only where it is not the default one', () => {
    expect([workerLabel('default/a'), workerLabel('team/a')]).toEqual(['a', 'team/a']);
  });

  test.each([
    [0.04, '0.0 ms'],
    [9.96, '10.0 ms'],
    [12.4, '12 ms'],
    [2_540, '2.5 s'],
    [61_000, '61 s'],
  ])('writes %d ms as %s', (ms, text) => expect(milliseconds(ms)).toBe(text));
});
