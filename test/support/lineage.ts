/** Workers whose state tells whether anything was lost, torn, repeated or taken back. Both languages keep the same keys. */
import type { WorkerOptions } from '../../src/index.ts';
import { FAST, source } from './engine.ts';

/**
 * `n` counts ticks, `twin` is written with it in one step, `tick` is the last tick number: one that does not grow is an
 * error of the worker, which every harness looks for. The log line is out before the tick is over.
 */
const JAVASCRIPT = `
export async function tick(ctx) {
  const last = ctx.state.get('tick', 0);
  if (ctx.worker.tick <= last) throw new Error('tick ' + ctx.worker.tick + ' after ' + last);
  ctx.log.info('begin ' + ctx.worker.tick);
  const n = ctx.state.get('n', 0);
  if (n !== ctx.state.get('twin', 0)) throw new Error('torn');
  if (ctx.params.slow) await new Promise((done) => setTimeout(done, 25));
  ctx.state.update({ n: n + 1, twin: n + 1 });
  ctx.state.set('tick', ctx.worker.tick);
}
`;

const PYTHON = `
def tick(ctx):
    last = ctx.state.get("tick", 0)
    if ctx.worker.tick <= last:
        raise ValueError(f"tick {ctx.worker.tick} after {last}")
    ctx.log.info(f"begin {ctx.worker.tick}")
    n = ctx.state.get("n", 0)
    if n != ctx.state.get("twin", 0):
        raise ValueError("torn")
    ctx.state.update({"n": n + 1, "twin": n + 1})
    ctx.state.set("tick", ctx.worker.tick)
`;

export const JAVASCRIPT_NAMES = ['js-1', 'js-2', 'js-3', 'slow-1', 'slow-2', 'slow-3'] as const;
export const NAMES = [...JAVASCRIPT_NAMES, 'python-1'] as const;

export function lineageWorkers(): readonly WorkerOptions[] {
  return NAMES.map((name) => {
    const isPython = name.startsWith('python');
    const file = isPython ? 'lineage.py' : 'lineage.js';
    return {
      name,
      ...FAST,
      maxErrors: 3,
      params: { slow: name.startsWith('slow') },
      source: source(file, isPython ? PYTHON : JAVASCRIPT),
    };
  });
}

/** One worker in each language that begins a tick and never ends it. */
export function loopingWorkers(): readonly WorkerOptions[] {
  const javascript = `export function tick(ctx) { ctx.log.info('begin 1'); for (;;); }`;
  const python = `def tick(ctx):\n    ctx.log.info("begin 1")\n    while True:\n        pass\n`;
  return [
    { name: 'loop-js', ...FAST, source: source('loop.js', javascript) },
    { name: 'loop-py', ...FAST, source: source('loop.py', python) },
  ];
}
