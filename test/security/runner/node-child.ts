/**
 * The node under attack: a real engine in a process of its own. It runs the canaries and, one order at a time, the attacks, and
 * tells over its IPC channel what happened. It never calls `process.exit`: that it ends when the engine has stopped shows that
 * nothing was left.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRuntime, type RuntimeEvents } from '../../../src/index.ts';
import { LoopWatch } from '../../support/loop-watch.ts';
import { createProbeAdapter } from '../../support/probe-adapter.ts';
import { shareCache } from '../../support/share-cache.ts';
import { CaseWatch } from './case-watch.ts';
import {
  type Ask,
  CANARIES,
  CANARY_INTERVAL_MS,
  CANARY_WORKSPACE,
  type Request,
  type Resources,
  type Told,
} from './messages.ts';

const [folder = ''] = process.argv.slice(2);
const secret = process.env['TICK_RUNTIME_CANARY'] ?? '';
const canaryFile = join(folder, 'canary.txt');
writeFileSync(canaryFile, secret);
const dataDir = join(folder, 'data');
mkdirSync(dataDir, { recursive: true, mode: 0o700 });
shareCache(dataDir);

const CANARY_CODE = {
  js: `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); }`,
  py: 'def tick(ctx):\n    ctx.state.set("n", ctx.state.get("n", 0) + 1)\n',
} as const;

const broken: string[] = [];
const runtime = createRuntime({
  dataDir,
  adapters: [createProbeAdapter()],
  spread: false,
  log: (level, message) => {
    if (level === 'error') broken.push(message);
  },
});
const watch = new CaseWatch(runtime, secret);
const loop = new LoopWatch();

function tell(told: Told): void {
  process.send?.(told);
}

const isInnocent = (worker: string): boolean =>
  worker.startsWith(`${CANARY_WORKSPACE}/`) || worker.split('/')[1]?.startsWith('neighbour-') === true;

/** Since when an innocent waits for another cell. */
const lostAt = new Map<string, number>();

function onTick({ worker, tick, outcome, errorCode, latenessMs, skipped }: RuntimeEvents['tick']): void {
  if (isInnocent(worker)) tell({ kind: 'tick', worker, tick, outcome, errorCode, latenessMs, skipped });
}

function onWorker({ worker, to }: RuntimeEvents['worker']): void {
  if (!isInnocent(worker)) return;
  if (to === 'recovering') lostAt.set(worker, lostAt.get(worker) ?? performance.now());
  const since = lostAt.get(worker);
  if (to !== 'waiting' || since === undefined) return;
  lostAt.delete(worker);
  tell({ kind: 'recovered', worker, ms: performance.now() - since });
}

function onCell({ pid, backend, event, reason }: RuntimeEvents['cell']): void {
  const workspace = runtime.status().cells.find((cell) => cell.pid === pid)?.workspace ?? '';
  tell({ kind: 'cell', pid, event, workspace, backend, reason });
}

async function startInnocent(workspace: string, name: string, language: 'js' | 'py'): Promise<void> {
  await runtime.deploy({
    name,
    workspace,
    source: { kind: 'files', entry: `w.${language}`, files: [{ path: `w.${language}`, text: CANARY_CODE[language] }] },
    schedule: { kind: 'interval', intervalMs: CANARY_INTERVAL_MS },
    maxErrors: 1,
  });
  await runtime.startWorker(`${workspace}/${name}`);
}

function look(): Resources {
  const active: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) active[name] = (active[name] ?? 0) + 1;
  const { cells, workers } = runtime.status();
  const names = ['polluted', 'toJSON', 'get', 'json', 'then', 'evil', '0'];
  return {
    pid: process.pid,
    active,
    cells: cells.map(({ pid }) => pid),
    workers: workers.map(({ workspace, name }) => `${workspace}/${name}`),
    busiestMs: loop.busiestMs,
    broken,
    polluted: [
      ...names.filter((name) => name in {}),
      ...names.filter((name) => name in Function.prototype).map((name) => `Function.prototype.${name}`),
      ...('0' in [] ? ['an index of Array.prototype'] : []),
    ],
  };
}

async function answer(ask: Ask): Promise<unknown> {
  switch (ask.kind) {
    case 'ping':
      return process.pid;
    case 'case':
      return watch.run(ask.order, { canaryFile, pid: process.pid });
    case 'remove':
      return runtime.removeWorker(ask.worker, { now: true });
    case 'look':
      return look();
    case 'neighbours':
      for (const language of ['js', 'py'] as const)
        if (ask.add) await startInnocent(ask.workspace, `neighbour-${language}`, language);
        else await runtime.removeWorker(`${ask.workspace}/neighbour-${language}`, { now: true });
      return null;
    case 'stop':
      await runtime.stop({ now: true });
      loop.stop();
      // After the answer has left.
      setImmediate(() => process.disconnect?.());
      return null;
  }
}

process.on('message', ({ id, ask }: Request) => {
  answer(ask).then(
    (value) => tell({ kind: 'answer', id, value: value ?? null, error: null }),
    (error: unknown) => tell({ kind: 'answer', id, value: null, error: String(error) }),
  );
});

await runtime.start();
runtime.on('tick', onTick);
runtime.on('worker', onWorker);
runtime.on('cell', onCell);
for (const name of CANARIES) await startInnocent(CANARY_WORKSPACE, name, name.startsWith('py') ? 'py' : 'js');
tell({ kind: 'ready' });
