/**
 * A node to be killed: an engine with the workers of lineage.ts on the given folder (`loop`: the two that never end a tick). It prints one JSON line per event, at
 * once: what was recovered, what became durable, which ticks began and ended, which cells there are. SIGTERM ends it in order.
 */
import { createRuntime } from '../../src/index.ts';
import { lineageWorkers, loopingWorkers } from './lineage.ts';
import { say as sayLine } from './say.ts';

const [dataDir = '', which = 'lineage'] = process.argv.slice(2);

function say(line: Readonly<Record<string, unknown>>): void {
  sayLine(JSON.stringify(line));
}

const runtime = createRuntime({
  dataDir,
  minIntervalMs: 10,
  cells: { workersPerCell: { javascript: 3, python: 1 } },
});
runtime.on('cell', ({ pid, event }) => say({ kind: 'cell', pid, event }));
runtime.on('state', ({ worker, changes }) => {
  const values = Object.fromEntries(changes.map(({ key, json }) => [key, Number(json)]));
  say({ kind: 'state', worker, n: values['n'], twin: values['twin'] });
});
runtime.on('log', ({ worker, text }) => {
  if (text.startsWith('begin ')) say({ kind: 'begin', worker, tick: Number(text.slice(6)) });
});
runtime.on('tick', ({ worker, tick, outcome, errorMessage }) =>
  say({ kind: 'tick', worker, tick, outcome, error: errorMessage }),
);
process.once('SIGTERM', () => {
  void runtime.stop({ graceMs: 5_000 }).then(() => process.exit(0));
});

await runtime.start();
for (const { name } of runtime.status().workers)
  say({ kind: 'recovered', worker: `default/${name}`, state: await runtime.readState(name) });
say({ kind: 'started' });
await Promise.all(
  (which === 'loop' ? loopingWorkers() : lineageWorkers()).map(async (worker) => {
    const { desired } = await runtime.deploy(worker);
    if (desired === 'stopped') await runtime.startWorker(worker.name);
  }),
);
