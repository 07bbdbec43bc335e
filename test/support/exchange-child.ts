/**
 * A node to be killed while it trades: two workers, one per language, on the given folder, that place one order after the other at the
 * exchange of the given address. It prints one JSON line per tick and log line. SIGTERM ends it in order.
 */
import { createRuntime } from '../../src/index.ts';
import { workerOf } from './engine.ts';
import { createExchangeAdapter } from './exchange-adapter.ts';
import { say } from './say.ts';

/** Each order has a name of its own: one that is at the exchange twice was sent by a worker that did not know of the first. */
const JAVASCRIPT = `
export async function tick(ctx) {
  let n = ctx.state.get('n', 0);
  for (const { status, request } of ctx.exchange.unresolved) {
    ctx.log.info('saw', { status, symbol: request.symbol, tick: ctx.worker.tick });
    if (status === 'unknown') return;
    if (status === 'done' && request.symbol === 'js' + n) ctx.state.set('n', (n += 1));
  }
  const answer = await ctx.exchange.place('js' + n, 1).catch(() => null);
  if (answer !== null) ctx.state.set('n', n + 1);
}`;

const PYTHON = `
def tick(ctx):
    n = ctx.state.get("n", 0)
    for call in ctx.exchange.unresolved:
        symbol = call["request"]["symbol"]
        ctx.log.info("saw", status=call["status"], symbol=symbol, tick=ctx.worker.tick)
        if call["status"] == "unknown":
            return
        if call["status"] == "done" and symbol == f"py{n}":
            n += 1
            ctx.state.set("n", n)
    try:
        ctx.exchange.place(f"py{n}", 1)
    except RuntimeError:
        return
    ctx.state.set("n", n + 1)
`;

const [dataDir = '', url = ''] = process.argv.slice(2);
const runtime = createRuntime({
  dataDir,
  minIntervalMs: 10,
  durableWindowMs: 500,
  adapters: [createExchangeAdapter(url)],
});
const tell = (line: Readonly<Record<string, unknown>>): void => say(JSON.stringify(line));
runtime.on('log', ({ worker, text, fields }) =>
  tell({ kind: text, worker, ...(JSON.parse(fields ?? '{}') as object) }),
);
runtime.on('tick', ({ worker, tick, outcome, errorMessage }) =>
  tell({ kind: 'tick', worker, tick, outcome, error: errorMessage }),
);
process.once('SIGTERM', () => {
  void runtime.stop({ graceMs: 5_000 }).then(async () => process.exit(0));
});

await runtime.start();
for (const { name } of runtime.status().workers)
  tell({ kind: 'recovered', worker: `default/${name}`, n: (await runtime.readState(name))['n'] });
for (const [name, text] of [
  ['js', JAVASCRIPT],
  ['py', PYTHON],
] as const) {
  const { desired } = await runtime.deploy(workerOf(name, text));
  if (desired === 'stopped') await runtime.startWorker(name);
}
