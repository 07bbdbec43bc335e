/**
 * Throughput of JavaScript ticks with a state write, the whole path from the scheduler to the acknowledged commit, over
 * 1,000 workers that are always due; the peer is the same engine with the in-memory store.
 */
import { MemoryRecordStore, MemoryStateStore } from '../src/store/memory.ts';
import { countTicks, median, openEngine, percentile, report, startWorkers } from './harness.ts';

const WORKERS = 1_000;
const ROUNDS = 3;

async function measure(memory: boolean): Promise<{ perSecond: number; cpuUs: number; rtt: number }> {
  const engine = await openEngine(
    memory ? { stateStore: new MemoryStateStore(), recordStore: new MemoryRecordStore() } : {},
  );
  await startWorkers(engine.runtime, WORKERS, { intervalMs: 10 });
  await countTicks(engine.runtime, 2_000);
  const { count, ms, cpuUs, durations } = await countTicks(engine.runtime, 5_000);
  await engine.close();
  return {
    perSecond: (count / ms) * 1_000,
    cpuUs: cpuUs / count,
    rtt: percentile(durations, 0.5),
  };
}

const stored: Awaited<ReturnType<typeof measure>>[] = [];
const unstored: typeof stored = [];
for (let round = 0; round < ROUNDS; round++) {
  stored.push(await measure(false));
  unstored.push(await measure(true));
}
const perSecond = median(stored.map((r) => r.perSecond));
const without = median(unstored.map((r) => r.perSecond));
report('ticks', {
  'ticks/s, with store': perSecond,
  'ticks/s, without': without,
  'ratio (aim >= 0.7)': perSecond / without,
  'node CPU per tick, us (aim <= 40)': median(stored.map((r) => r.cpuUs)),
  'node CPU per tick without store, us': median(unstored.map((r) => r.cpuUs)),
  'tick in the cell p50, ms': median(stored.map((r) => r.rtt)),
});
