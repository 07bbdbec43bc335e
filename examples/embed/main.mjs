/**
 * The engine inside another Node program: a worker from text, a capability of our own, our own clock, typed events.
 *
 *   npx node examples/embed/main.mjs
 *
 * `npx node` is the Node 26 that came with `npm ci`; an older one says so in one line.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime } from 'tick-runtime';
import { z } from 'zod';

/** What a worker reaches as `ctx.desk`. It runs here, in this process; the worker sees only its answers. */
const desk = {
  name: 'desk',
  capabilities: {
    // ctx.desk.notify(text) in Python and JavaScript
    notify: {
      // It acts on the outside world, so it runs only after what the worker wrote before it is stored.
      effect: true,
      parameters: ['text'],
      input: z.strictObject({ text: z.string().max(1_000) }),
      async call({ text }, { worker, tick }) {
        console.log(`desk: ${worker}, tick ${tick}: ${text}`);
        return { delivered: true };
      },
    },
  },
};

/** A clock that runs ten times as fast: a worker with an interval of 10 s ticks every second. */
const SPEED = 10;
const startedAt = Date.now();
const fastClock = {
  wallMs: () => startedAt + (Date.now() - startedAt) * SPEED,
  monoMs: () => performance.now() * SPEED,
  after(delayMs, fire) {
    // A timer that fires early is fine: the engine looks at the clock and waits again.
    const timer = setTimeout(fire, Math.min(Math.max(0, delayMs / SPEED), 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};

const SOURCE = `
def tick(ctx):
    count = ctx.state.get("count", 0) + 1
    ctx.state.set("count", count)
    answer = ctx.desk.notify(f"{ctx.params['greeting']} number {count}")
    ctx.log.info(f"delivered: {answer['delivered']}")
`;

const dataDir = await mkdtemp(join(tmpdir(), 'tick-runtime-embed-'));
const runtime = createRuntime({ dataDir, adapters: [desk], clock: fastClock });

runtime.on('log', ({ worker, level, text }) => console.log(`log: ${worker} ${level}: ${text}`));
runtime.on('worker', ({ worker, from, to }) => {
  if (to !== 'ticking' && from !== 'ticking') console.log(`worker: ${worker} ${from} -> ${to}`);
});
const threeTicks = new Promise((resolve) => {
  runtime.on('tick', ({ worker, tick, outcome, durationMs }) => {
    console.log(`tick: ${worker} #${tick} ${outcome} in ${durationMs.toFixed(1)} ms`);
    if (tick === 3) resolve();
  });
});

await runtime.start();
try {
  await runtime.deploy({
    name: 'greeter',
    source: { kind: 'files', entry: 'greeter.py', files: [{ path: 'greeter.py', text: SOURCE }] },
    schedule: { kind: 'interval', intervalMs: 10_000 },
    params: { greeting: 'hello' },
  });
  await runtime.startWorker('greeter');
  await threeTicks;
  console.log('state:', await runtime.readState('greeter'));
} finally {
  await runtime.stop();
  await rm(dataDir, { recursive: true, force: true });
}
console.log('stopped');
