/**
 * Does anything stay of workers that are gone? 10,000 times: deploy under a new name, start, one tick, remove; in the same cell all the
 * time, which one worker keeps up. What node and cell hold is measured ten times on the way, after a warm-up; the median of the last
 * five is set against that of the first five. TICK_RUNTIME_CYCLES: another number.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Runtime } from '../src/index.ts';
import { COUNTER_JS, delay, median, openEngine, report, rssBytes } from './harness.ts';

const CYCLES = Number(process.env['TICK_RUNTIME_CYCLES'] ?? 10_000);
const WARM_UP = Math.ceil(CYCLES / 5);
const LOOKS = 10;
const AT_ONCE = 4;
const MIB = 1_048_576;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

interface Held {
  readonly nodeRss: number;
  readonly nodeHeap: number;
  readonly cellRss: number;
}

async function cycle(runtime: Runtime, name: string): Promise<void> {
  const ticked = new Promise<void>((resolve) => {
    const stop = runtime.on('tick', ({ worker }) => {
      if (worker !== `default/${name}`) return;
      stop();
      resolve();
    });
  });
  const files = [{ path: 'worker.js', text: COUNTER_JS }];
  await runtime.deploy({ name, source: { kind: 'files', entry: 'worker.js', files } });
  await runtime.startWorker(name);
  await ticked;
  await runtime.removeWorker(name, { now: true });
}

async function cycles(runtime: Runtime, from: number, to: number): Promise<void> {
  let next = from;
  const work = async (): Promise<void> => {
    while (next < to) await cycle(runtime, `w${next++}`);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function measure(runtime: Runtime): Promise<Held> {
  await delay(3_000);
  for (let i = 0; i < 5; i++) collect();
  const [cell, ...others] = runtime.status().cells;
  if (cell === undefined || others.length > 0) throw new Error('there should be one cell');
  await delay(500);
  const { heapUsed, external } = process.memoryUsage();
  return { nodeRss: rssBytes(process.pid), nodeHeap: heapUsed + external, cellRss: rssBytes(cell.pid) };
}

const engine = await openEngine({ spread: false });
const { runtime } = engine;
const files = [{ path: 'worker.js', text: COUNTER_JS }];
await runtime.deploy({ name: 'stays', source: { kind: 'files', entry: 'worker.js', files } });
await runtime.startWorker('stays');
await cycles(runtime, 0, WARM_UP);
const looks: Held[] = [];
let ms = 0;
for (let look = 0; look < LOOKS; look++) {
  const from = performance.now();
  await cycles(runtime, WARM_UP + (look * CYCLES) / LOOKS, WARM_UP + ((look + 1) * CYCLES) / LOOKS);
  ms += performance.now() - from;
  looks.push(await measure(runtime));
}
await engine.close();
const half = (key: keyof Held, last: boolean): number =>
  median((last ? looks.slice(LOOKS / 2) : looks.slice(0, LOOKS / 2)).map((held) => held[key]));
const grown = (key: keyof Held): number => half(key, true) / half(key, false);
report('deploys', {
  cycles: CYCLES,
  'ms per cycle': ms / CYCLES,
  'node RSS, MiB': half('nodeRss', false) / MIB,
  'node RSS, second half / first (aim <= 1.05)': grown('nodeRss'),
  'node heap, MiB': half('nodeHeap', false) / MIB,
  'node heap, second half / first': grown('nodeHeap'),
  'cell RSS, MiB': half('cellRss', false) / MIB,
  'cell RSS, second half / first (aim <= 1.05)': grown('cellRss'),
});
