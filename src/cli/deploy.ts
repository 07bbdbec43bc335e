/** Brings the engine in step with the configuration: what is configured is deployed and runs, what is not is stopped. */
import { setTimeout as pause } from 'node:timers/promises';
import type { LoadedConfig } from '../config/resolve.ts';
import { RuntimeError } from '../core/errors.ts';
import type { Runtime, WorkerStatus } from '../runtime.ts';
import { codeProblems, describeCodeProblems } from './failure.ts';
import type { Refusals } from './refusals.ts';
import type { Reporter } from './reporter.ts';
import { workerLabel } from './text.ts';

/** Workers that are deployed at the same time: enough to hide a slow one, few enough to keep the order readable. */
const AT_ONCE = 16;

type Configured = LoadedConfig['workers'][number];

export interface DeployOptions {
  readonly restartFailed: boolean;
  /** Gets those that cannot run. */
  readonly refusals: Refusals;
  /** True once the engine is asked to end. */
  readonly ending: () => boolean;
}

export interface Deployed {
  readonly running: number;
  readonly invalid: number;
  readonly failed: number;
}

/** One worker's trouble is told and never keeps another from running. */
export async function deployAll(
  runtime: Runtime,
  workers: readonly Configured[],
  reporter: Reporter,
  options: DeployOptions,
): Promise<Deployed> {
  await stopUnconfigured(runtime, workers, reporter);
  const wanted = new Set(runtime.status().workers.filter(isWanted).map(idOf));
  const counts = { running: 0, invalid: 0, failed: 0 };
  const queue = workers.values();
  const lane = async () => {
    for (const worker of queue) {
      if (options.ending()) return;
      const outcome = await deployPatiently(runtime, worker, wanted, reporter, options);
      if (outcome !== 'disabled') counts[outcome] += 1;
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, workers.length) }, lane));
  return counts;
}

type Outcome = 'running' | 'invalid' | 'failed' | 'disabled';

const RETRY_MS = 1_000;

/** A store that is away is waited for, however long: every worker that should run does so in the end without a person. */
async function deployPatiently(
  ...[runtime, worker, wanted, reporter, options]: Parameters<typeof deployOne>
): Promise<Outcome> {
  for (;;) {
    const outcome = await deployOne(runtime, worker, wanted, reporter, options);
    if (outcome !== 'store-away') return outcome;
    await pause(RETRY_MS);
  }
}

async function deployOne(
  runtime: Runtime,
  worker: Configured,
  wanted: ReadonlySet<string>,
  reporter: Reporter,
  options: DeployOptions,
): Promise<Outcome | 'store-away'> {
  const id = idOf(worker.options);
  try {
    if (!worker.enabled) {
      // Before the deployment, which would go on with a worker that ran when the engine ended.
      if (wanted.has(id)) await runtime.stopWorker(id);
      await runtime.deploy(worker.options);
      reporter.tell({ kind: 'worker', who: workerLabel(id), text: 'is not enabled', data: { worker: id } });
      return 'disabled';
    }
    const status = await runtime.deploy(worker.options);
    if (status.state === 'failed' && !options.restartFailed) {
      const text = `is failed since an earlier start${because(status)}; start it again with: runtime start --restart-failed`;
      reporter.tell({ kind: 'worker', who: workerLabel(id), text, problem: true, data: { worker: id } });
      return 'failed';
    }
    if (!isWanted(status)) await runtime.startWorker(id);
    return 'running';
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    if (options.ending()) return 'disabled';
    if (error.code === 'STORE_UNAVAILABLE') return 'store-away';
    const isInvalid = error.code === 'CODE_INVALID';
    const reason = isInvalid ? describeCodeProblems(error, worker.options.source) : error.message;
    options.refusals.note(id, { state: isInvalid ? 'invalid' : 'stopped', reason });
    const text = isInvalid ? `cannot run: ${reason}` : reason;
    const { code, details } = error;
    const problems = details?.problems === undefined ? {} : { problems: codeProblems(error, worker.options.source) };
    const data = { worker: id, code, ...details, ...problems };
    reporter.tell({ kind: 'error', who: workerLabel(id), text, problem: true, data });
    return 'invalid';
  }
}

async function stopUnconfigured(runtime: Runtime, workers: readonly Configured[], reporter: Reporter): Promise<void> {
  const configured = new Set(workers.map(({ options }) => idOf(options)));
  const others = runtime.status().workers.filter((status) => !configured.has(idOf(status)));
  for (const status of others) {
    const id = idOf(status);
    try {
      if (isWanted(status)) await runtime.stopWorker(id);
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      const problem = `is no longer in the configuration, and could not be stopped: ${error.message}`;
      const data = { worker: id, code: error.code };
      reporter.tell({ kind: 'error', who: workerLabel(id), text: problem, problem: true, data });
      continue;
    }
    const text = 'is no longer in the configuration: it is stopped, its state is kept';
    reporter.tell({ kind: 'worker', who: workerLabel(id), text, data: { worker: id } });
  }
}

function idOf(worker: { readonly workspace: string; readonly name: string }): string {
  return `${worker.workspace}/${worker.name}`;
}

/** Does the engine keep it running already? A failed or invalid one waits for a start. */
function isWanted(status: WorkerStatus): boolean {
  return status.desired === 'running' && status.state !== 'failed' && status.state !== 'invalid';
}

function because(status: WorkerStatus): string {
  return status.reason === null ? '' : ` (${status.reason})`;
}
