/** `runtime start`: from a configuration file to ticking workers, and back on a signal. */
import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { Environment } from '../../config/environment.ts';
import { displayPath, loadConfig } from '../../config/load.ts';
import type { LoadedConfig } from '../../config/resolve.ts';
import { ERRORS } from '../../core/errors.ts';
import { createRuntime } from '../../index.ts';
import type { Runtime, UnsavedWorker } from '../../runtime.ts';
import type { Standby } from '../control/elsewhere.ts';
import { type Control, openControl } from '../control/server.ts';
import { deployAll } from '../deploy.ts';
import type { Output } from '../output.ts';
import { packageVersion } from '../package.ts';
import { Refusals } from '../refusals.ts';
import { createReporter, type Reporter } from '../reporter.ts';
import { Sidecars } from '../sidecars.ts';
import { type EndRequests, listenForEnd } from '../signals.ts';
import { countOf, workerLabel } from '../text.ts';
import { unsavedText } from '../unsaved-text.ts';

const GRACE_MS = 10_000;
/** What an end at once may take before the process just goes. */
const NOW_MS = 2_000;
const EXIT_PARENT_GONE = 1;

export interface StartOptions {
  readonly config: string;
  readonly quiet: boolean;
  readonly restartFailed: boolean;
}

/** Runs until a signal comes; resolves with the exit code. */
export async function startCommand(options: StartOptions, output: Output, environment: Environment): Promise<number> {
  const end = listenForEnd(environment.lifelineFd);
  try {
    const config = loadConfig(options.config, environment);
    const names = config.workers.map((worker) => workerLabel(`${worker.options.workspace}/${worker.options.name}`));
    const reporter = createReporter(output, { quiet: options.quiet, names });
    const session = new Session(config, reporter, end, options.restartFailed);
    if (!options.quiet) summarize(config, names, output);
    let cut: number | undefined;
    const endAtOnce = end.second.then(async (signal) => {
      cut = signal === 'parent-gone' ? EXIT_PARENT_GONE : 128 + constants.signals[signal];
      await Promise.race([session.endNow(), pause(NOW_MS)]);
      return cut;
    });
    const code = await Promise.race([session.run(), endAtOnce]);
    // An end at once makes the orderly one that is under way succeed as well: it still was not one.
    return cut ?? code;
  } finally {
    end.close();
  }
}

/** Everything that one `runtime start` opens, in order: engine, sidecars, workers. It ends with the workers and the engine, then the sidecars. */
class Session {
  readonly #config: LoadedConfig;
  readonly #reporter: Reporter;
  readonly #end: EndRequests;
  readonly #restartFailed: boolean;
  readonly #abort = new AbortController();
  readonly #sidecars: Sidecars;
  readonly #refusals = new Refusals();
  #runtime: Runtime | undefined;
  #control: Promise<Control | undefined> | undefined;
  /** Until the engine has started. */
  #standby: Standby | null = null;
  readonly #lost = Promise.withResolvers<'lost'>();

  constructor(config: LoadedConfig, reporter: Reporter, end: EndRequests, restartFailed: boolean) {
    this.#config = config;
    this.#reporter = reporter;
    this.#end = end;
    this.#restartFailed = restartFailed;
    this.#sidecars = new Sidecars({
      line: (name, text) => reporter.tell({ kind: 'sidecar', who: name, text, data: { sidecar: name } }),
      ended: (name, how) =>
        reporter.tell({
          kind: 'sidecar',
          who: name,
          text: `ended by itself: ${how}`,
          problem: true,
          data: { sidecar: name },
        }),
    });
  }

  async run(): Promise<number> {
    let unsaved: readonly UnsavedWorker[] = [];
    const begin = this.#begin();
    // After a signal, what had begun may fail because it is being ended.
    begin.catch(() => {});
    try {
      await Promise.race([begin, this.#end.first, this.#lost.promise]);
      const signal = await Promise.race([this.#end.first, this.#lost.promise]);
      if (signal === 'lost') return this.#endLost();
      this.#reporter.tell({ kind: 'stop', who: 'runtime', text: `${signal}: stopping; once more ends at once` });
    } finally {
      this.#abort.abort();
      unsaved = await this.#stop();
    }
    if (unsaved.length > 0) return this.#endUnsaved(unsaved);
    this.#reporter.tell({ kind: 'stop', who: 'runtime', text: 'stopped; every state is saved' });
    return 0;
  }

  #endUnsaved(unsaved: readonly UnsavedWorker[]): number {
    const data = { code: 'STORE_UNAVAILABLE', unsaved };
    this.#reporter.tell({ kind: 'stop', who: 'runtime', text: unsavedText(unsaved), problem: true, data });
    return ERRORS.STORE_UNAVAILABLE.exit;
  }

  /** Whoever keeps this process running starts it again, and it stands by. */
  #endLost(): number {
    const text = 'another node took the workers over: ended without storing anything; start again to stand by for it';
    this.#reporter.tell({ kind: 'stop', who: 'runtime', text, problem: true, data: { code: 'FENCED' } });
    return ERRORS.FENCED.exit;
  }

  async endNow(): Promise<void> {
    this.#abort.abort();
    this.#sidecars.killNow();
    await this.#runtime?.stop({ now: true });
  }

  async #begin(): Promise<void> {
    const log = this.#reporter.engine;
    const runtime = createRuntime({ ...this.#config.options, log });
    this.#runtime = runtime;
    this.#reporter.attach(runtime);
    runtime.on('placement', ({ state, owner }) => {
      if (state === 'lost') this.#lost.resolve('lost');
      if (state !== 'standby') return;
      // The data folder is locked by now, so commands here would find nobody to ask.
      this.#standby = { owner };
      this.#listen(runtime).catch(() => undefined);
    });
    await runtime.start();
    this.#standby = null;
    await this.#listen(runtime);
    // By a signal, or because the lease was lost.
    const ending = () => this.#end.requested || this.#abort.signal.aborted;
    if (ending()) return;
    // After the data folder is locked: of a second start, that is what must be told, not a port that the first one's sidecar has.
    await this.#sidecars.start(this.#config.sidecars, this.#abort.signal);
    if (ending()) return;
    const counts = await deployAll(runtime, this.#config.workers, this.#reporter, {
      restartFailed: this.#restartFailed,
      refusals: this.#refusals,
      ending,
    });
    if (ending()) return;
    const trouble = [
      counts.invalid > 0 && `${counts.invalid} cannot run`,
      counts.failed > 0 && `${counts.failed} failed earlier`,
    ];
    const text = [`${countOf(counts.running, 'worker')} running`, ...trouble.filter((part) => part !== false)].join(
      ', ',
    );
    this.#reporter.tell({ kind: 'start', who: 'runtime', text: `${text}; Ctrl-C stops`, data: { ...counts } });
  }

  /** For commands of this user. Without it workers tick all the same. */
  async #listen(runtime: Runtime): Promise<void> {
    // Windows has no such sockets in folders.
    if (process.platform === 'win32' || this.#abort.signal.aborted) return;
    this.#control ??= this.#openControl(runtime);
    await this.#control;
  }

  async #openControl(runtime: Runtime): Promise<Control | undefined> {
    try {
      return await openControl({
        runtime,
        dataDir: this.#config.options.dataDir,
        standby: () => this.#standby,
        refusals: this.#refusals,
      });
    } catch (error) {
      const text = `\`runtime state\` and \`runtime status\` cannot reach this node: its control socket cannot be opened (${(error as Error).message})`;
      this.#reporter.tell({ kind: 'engine', who: 'runtime', text, problem: true });
      return undefined;
    }
  }

  async #stop(): Promise<readonly UnsavedWorker[]> {
    try {
      await (await this.#control)?.close();
      await this.#runtime?.stop({ graceMs: GRACE_MS });
      return this.#runtime?.unsaved ?? [];
    } finally {
      await this.#sidecars.stop();
    }
  }
}

function summarize(config: LoadedConfig, names: readonly string[], output: Output): void {
  const { dataDir } = config.options;
  if (output.json) {
    const { version } = process;
    const data = {
      config: config.file,
      data: dataDir,
      workers: names,
      sidecars: config.sidecars.map(({ name }) => name),
    };
    output.data({
      kind: 'summary',
      at: Date.now(),
      version: packageVersion(),
      node: version,
      pid: process.pid,
      ...data,
    });
    return;
  }
  const row = (label: string, text: string) => output.line(`  ${output.style('gray', label.padEnd(8))}  ${text}`);
  output.line(output.style('bold', `Tick Runtime ${packageVersion()}`));
  row('node', `${process.version}, pid ${process.pid}`);
  row('config', displayPath(config.file));
  row('data', displayPath(dataDir));
  row('state', stateText(config.options));
  if (config.sidecars.length > 0) row('sidecars', config.sidecars.map(({ name }) => name).join(', '));
  const shown = names.slice(0, 20).join(', ');
  row('workers', `${names.length}: ${shown}${names.length > 20 ? `, and ${names.length - 20} more` : ''}`);
  output.line('');
}

function stateText({ postgres, redis, state, placement }: LoadedConfig['options']): string {
  if (postgres === undefined) return 'in the data folder';
  const ack = redis === undefined ? '' : ` (stored when ${state?.ack === 'postgres' ? 'Postgres' : 'Redis'} has it)`;
  return `in ${redis === undefined ? '' : 'Redis and '}Postgres${ack}, node group ${placement?.group ?? 'default'}`;
}
