import { expect, test } from 'vitest';
import { nodeStatus } from '../../src/cli/control/node-status.ts';
import { Refusals } from '../../src/cli/refusals.ts';
import type { Runtime, RuntimeStatus } from '../../src/index.ts';

type Worker = Pick<RuntimeStatus['workers'][number], 'workspace' | 'name' | 'state' | 'desired' | 'reason'>;

function statusWith(
  workers: readonly Worker[],
  lag: RuntimeStatus['store']['lag'] = null,
  cells: RuntimeStatus['cells'] = [],
) {
  const status = {
    node: { node: 'n1', host: 'h', pid: 1 },
    workers,
    overloaded: [],
    cells,
    store: { kind: 'redis+postgres', ack: 'redis', lag, lease: 'held' },
  };
  return nodeStatus({ status: () => status } as unknown as Runtime, { standby: null, refusals: new Refusals() });
}

const worker = (name: string, state: Worker['state'], over: Partial<Worker> = {}): Worker => ({
  workspace: 'default',
  name,
  state,
  desired: 'running',
  reason: null,
  ...over,
});

test('what a node says is bounded, however many workers are not well and however long their reasons are', () => {
  const all = Array.from({ length: 5_000 }, (_, n) => worker(`w${n}`, 'failed', { reason: 'x'.repeat(10_000) }));
  const { workers } = statusWith(all);
  expect(workers).toMatchObject({ total: 5_000, states: { failed: 5_000 }, unwellTotal: 5_000 });
  expect(workers?.unwell).toHaveLength(100);
  expect(JSON.stringify(workers).length).toBeLessThan(70_000);
});

test('not well are those that should run and do not, and those that wait for their store to be stopped', () => {
  const { workers } = statusWith([
    worker('ok', 'waiting'),
    worker('off', 'stopped', { desired: 'stopped' }),
    worker('ending', 'stopping'),
    worker('paused', 'paused', { reason: 'away' }),
    worker('stuck', 'stopping', { desired: 'stopped', reason: 'away' }),
    worker('conflict', 'stopped', { reason: 'Redis and Postgres disagree' }),
  ]);
  expect(workers?.unwell.map(({ worker: id }) => id)).toEqual(['default/paused', 'default/stuck', 'default/conflict']);
});

test('a lag is told with the time since when it is', () => {
  const { store } = statusWith([], { sinceMs: 60_000, workers: 1, characters: 2, reason: 'r' });
  expect(Math.abs(Date.parse(store?.lagSince ?? '') - (Date.now() - 60_000))).toBeLessThan(2_000);
});

test('cells are counted by what holds them', () => {
  const cell = (backend: 'isolate' | 'pyodide', jail: 'bubblewrap' | 'namespaces' | 'process') =>
    ({
      pid: 1,
      workspace: 'w',
      backend,
      purpose: 'shared',
      workers: 1,
      rssBytes: 1,
      runs: 0,
      retiring: false,
      jail,
    }) as const;
  const { cells } = statusWith([], null, [cell('isolate', 'bubblewrap'), cell('pyodide', 'bubblewrap')]);
  expect(cells?.jails).toEqual({ bubblewrap: 2, namespaces: 0, process: 0 });
});
