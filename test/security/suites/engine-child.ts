/** A node with the real engine: every program is a worker of its own, in real cells. Started by {@link ./child.ts}. */
import { readFileSync } from 'node:fs';
import { createRuntime, type TickRecord } from '../../../src/index.ts';
import { createProbeAdapter } from '../../support/probe-adapter.ts';
import { guestParams, harnessText, readGuest } from './guest-params.ts';
import {
  DETAIL_CHARS,
  type End,
  type FromChild,
  type GuestReport,
  type Program,
  type ToChild,
  type Verdict,
} from './program.ts';

const [dataDir = '', canaryFile = ''] = process.argv.slice(2);
const WORKSPACE = 'suites';
/** After the loss of its cell a program that was not charged with it runs again. */
const AGAIN_MS = 2_000;
/** Far beyond every limit that the engine has: a program that has not ended by then has found a hole. */
const NEVER_MS = 120_000;
const MEMORY_BYTES = 64 * 1_048_576;
const CANARY = `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); }`;
/** The text is evaluated as it is: the bundler would put calls of its own into it, which programs can break. */
const WORKER = `const run = (0, eval)(${JSON.stringify(readGuest())});
export function tick(ctx) {
  const { set } = ctx.state;
  return run(ctx.params, ctx, (report) => set('report', report));
}`;

interface Flight {
  readonly program: Program;
  report: GuestReport | null;
  readonly end: (end: End, detail: string) => void;
}

const secret = readFileSync(canaryFile, 'utf8');
const flights = new Map<string, Flight>();
let started = 0;
let canaryTicks = 0;
let canaryErrors = 0;

const say = (message: FromChild): void => void process.send?.(message);
const files = (entry: string, text: string) => ({ kind: 'files', entry, files: [{ path: entry, text }] }) as const;

const runtime = createRuntime({
  dataDir,
  adapters: [createProbeAdapter()],
  spread: false,
  log: (level, message) => level === 'error' && console.error(message),
});

runtime.on('state', ({ worker, changes }) => {
  const flight = flights.get(worker);
  const json = changes.find(({ key }) => key === 'report')?.json;
  if (flight !== undefined && typeof json === 'string') flight.report ??= JSON.parse(json) as GuestReport;
});
runtime.on('tick', (tick) => {
  if (tick.worker === 'default/canary') {
    canaryTicks += 1;
    if (tick.outcome !== 'ok') canaryErrors += 1;
  }
  const flight = flights.get(tick.worker);
  if (flight !== undefined && tick.errorCode !== 'CELL_LOST') conclude(flight, tick);
});
runtime.on('worker', ({ worker, to, code, reason }) => {
  // It never came as far as a tick.
  if (to === 'invalid' || to === 'failed') flights.get(worker)?.end('fail', `${to}: ${code} ${reason}`);
});
runtime.on('cell', ({ event, reason }) => {
  if (event !== 'lost') return;
  const running = [...flights.values()].map(({ program }) => program.id);
  say({ kind: 'cell-death', death: { reason: reason ?? '', running } });
});

function conclude({ program, report, end }: Flight, { outcome, errorCode, errorMessage }: TickRecord): void {
  const how = `${outcome} ${errorCode}: ${errorMessage}`;
  if (outcome === 'cell-lost') return end('cell-death', how);
  // What a program does after its verdict is another matter: a rejection that nobody handles, say.
  if (report !== null) return end(report.end, report.detail);
  if (outcome === 'timeout' || outcome === 'memory') return end(outcome, how);
  // One of vm2's may fail before it is judged; one of test262 that says nothing has not passed.
  end(program.suite === 'vm2' ? 'threw' : 'fail', outcome === 'ok' ? 'it reported nothing' : how);
}

async function run(program: Program): Promise<void> {
  started += 1;
  const name = `p${started}`;
  const id = `${WORKSPACE}/${name}`;
  let timer: NodeJS.Timeout | undefined;
  const verdict = await new Promise<Verdict>((resolve) => {
    const flight: Flight = {
      program,
      report: null,
      end: (end, detail) => {
        const reached = [...(flight.report?.reached ?? [])];
        if (`${detail}${JSON.stringify(flight.report)}`.includes(secret)) reached.push('the canary of the host');
        resolve({ id: program.id, end, detail: detail.slice(0, DETAIL_CHARS), reached });
      },
    };
    flights.set(id, flight);
    timer = setTimeout(() => flight.end('never', `no end within ${NEVER_MS} ms`), NEVER_MS);
    deploy(name, program).catch((error: unknown) => flight.end('fail', `not started: ${String(error)}`));
  });
  clearTimeout(timer);
  flights.delete(id);
  say({ kind: 'verdict', verdict });
  await runtime.removeWorker(id, { now: true }).catch((error: unknown) => console.error(`not removed: ${error}`));
}

async function deploy(name: string, program: Program): Promise<void> {
  await runtime.deploy({
    name,
    workspace: WORKSPACE,
    source: files('program.js', WORKER),
    schedule: { kind: 'interval', intervalMs: AGAIN_MS },
    maxErrors: 1,
    params: guestParams(program, harnessText(program), canaryFile),
    tickTimeoutMs: program.timeoutMs,
    onErrorTimeoutMs: 500,
    memoryBytes: MEMORY_BYTES,
  });
  await runtime.startWorker(`${WORKSPACE}/${name}`);
}

process.on('message', (message: ToChild) => {
  switch (message.kind) {
    case 'run':
      return void run(message.program);
    case 'ping':
      return say({ kind: 'pong', canaryTicks, canaryErrors });
    case 'stop':
      return void runtime.stop({ now: true }).then(() => process.exit(0));
  }
});
process.on('disconnect', () => void runtime.stop({ now: true }).then(() => process.exit(0)));

await runtime.start();
await runtime.deploy({
  name: 'canary',
  source: files('canary.js', CANARY),
  schedule: { kind: 'interval', intervalMs: 1_000 },
});
await runtime.startWorker('canary');
say({ kind: 'ready' });
