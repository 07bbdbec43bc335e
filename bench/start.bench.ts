/**
 * From the moment a worker begins to load, in a cell that is up, to the end of its first tick, with the two commits on the way;
 * and the return of 1,000 workers after their cell was killed.
 */
import { openEngine, percentile, report, startWorkers } from './harness.ts';

const engine = await openEngine();
const { runtime } = engine;
await startWorkers(runtime, 1, { intervalMs: 3_600_000, name: 'first' });
const deploys: number[] = [];
const loads: number[] = [];
let loadingAt = 0;
const stopWatching = runtime.on('worker', ({ to }) => {
  if (to === 'loading') loadingAt = performance.now();
});
for (let i = 0; i < 50; i++) {
  const from = performance.now();
  await startWorkers(runtime, 1, { intervalMs: 3_600_000, name: `one-${i}-` });
  loads.push(performance.now() - loadingAt);
  deploys.push(performance.now() - from);
}
stopWatching();

await startWorkers(runtime, 1_000, { intervalMs: 60_000 });
const [cell] = runtime.status().cells;
const ready: number[] = [];
const from = performance.now();
const all = new Promise<void>((resolve) => {
  runtime.on('worker', ({ to }) => {
    if (to !== 'waiting') return;
    ready.push(performance.now() - from);
    if (ready.length === cell?.workers) resolve();
  });
});
process.kill(cell?.pid ?? 0, 'SIGKILL');
await all;
await engine.close();
report('start', {
  'load to first tick p50, ms (aim <= 10)': percentile(loads, 0.5),
  'load to first tick p99, ms': percentile(loads, 0.99),
  'deploy to first tick p50, ms': percentile(deploys, 0.5),
  'cell of 1,000 killed: ready again p50, s (aim 2)': percentile(ready, 0.5) / 1_000,
  'cell of 1,000 killed: all ready, s (aim 5)': percentile(ready, 1) / 1_000,
});
