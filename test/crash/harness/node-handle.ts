/** One node of the harness as the driver sees it: a place (name and data folder) in which one process after the other lives. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { poll } from '../../support/poll.ts';
import { isRunning } from '../../support/process-tree.ts';
import { ServerWatcher } from '../../support/server-watcher.ts';
import { EXIT_LOST, EXIT_UNAVAILABLE, FAILPOINT_VARIABLE, type NodeConfig, type Told } from './events.ts';

const CHILD = fileURLToPath(new URL('node-child.ts', import.meta.url));
/** A node is started hundreds of times, and half of its start is the compiling of its own files. */
const COMPILED = fileURLToPath(new URL('../../../node_modules/.cache/tick-runtime-crash', import.meta.url));
const RESTART_MS = 100;
const CELLS_GONE_MS = 8_000;
const LINES_KEPT = 40;

export interface NodeHandleOptions {
  readonly config: () => NodeConfig;
  /** It ended although nobody wanted it to, or left something behind. */
  readonly onTrouble: (what: string, found: string) => void;
}

export class NodeHandle {
  readonly name: string;
  readonly #o: NodeHandleOptions;
  readonly #watcher: ServerWatcher;
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();
  #wanted = false;
  /** Every cell of any of its processes. */
  readonly #cells = new Set<number>();
  frozen = false;
  /** `held` once it owns the workers. */
  placement = 'none';
  starts = 0;
  /** Told by a failpoint that was reached. */
  failpoint: string | null = null;
  readonly lines: string[] = [];

  constructor(name: string, options: NodeHandleOptions) {
    this.name = name;
    this.#o = options;
    this.#watcher = new ServerWatcher(`node-${name}`, 'SIGKILL', undefined);
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  get running(): boolean {
    return this.#child !== null;
  }

  /** It is started again when it has ended. */
  get wanted(): boolean {
    return this.#wanted;
  }

  get cells(): readonly number[] {
    return [...this.#cells].filter(isRunning);
  }

  start(failpoint = ''): void {
    this.#wanted = true;
    this.#launch(failpoint);
  }

  arm(failpoint: string): void {
    this.failpoint = null;
    (this.#child?.stdin as { write(text: string): void } | undefined)?.write(`arm ${failpoint}\n`);
  }

  /** What it told the witness about itself. */
  take(pid: number, event: Told): void {
    if (event.kind === 'cell') this.#cells.add(event.pid);
    if (pid !== this.pid) return;
    if (event.kind === 'placement') this.placement = event.state;
    if (event.kind === 'placement') this.#say(event.at, `placement ${event.state}`);
    if (event.kind === 'log') this.#say(event.at, event.text);
    if (event.kind === 'worker') this.#say(event.at, `${event.worker} is ${event.to}: ${event.reason}`);
  }

  /** SIGKILL; resolves when it has ended, and then its cells have as well. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** As {@link kill}, and nobody starts it again. */
  async halt(): Promise<void> {
    this.#wanted = false;
    await this.kill();
  }

  freeze(): void {
    this.frozen = this.#child?.kill('SIGSTOP') ?? false;
  }

  wake(): void {
    this.#child?.kill('SIGCONT');
    this.frozen = false;
  }

  /** In order; resolves with whether it ended so. */
  async stop(): Promise<boolean> {
    this.#wanted = false;
    const child = this.#child;
    if (child === null) return true;
    if (this.frozen) this.wake();
    child.kill('SIGTERM');
    await Promise.race([this.#exited, new Promise((resolve) => setTimeout(resolve, 40_000).unref())]);
    // Before it could listen for it, the signal ends it.
    if (
      child.exitCode === 0 ||
      child.exitCode === EXIT_LOST ||
      child.exitCode === EXIT_UNAVAILABLE ||
      child.signalCode === 'SIGTERM'
    )
      return true;
    await this.kill();
    return false;
  }

  /** For good. */
  async close(): Promise<void> {
    await this.halt();
    await this.#watcher.close();
  }

  #launch(failpoint: string): void {
    this.starts += 1;
    this.placement = 'none';
    this.failpoint = null;
    this.frozen = false;
    const env = { ...process.env, NODE_COMPILE_CACHE: COMPILED, [FAILPOINT_VARIABLE]: failpoint };
    const child = spawn(process.execPath, [CHILD, JSON.stringify(this.#o.config())], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env,
    });
    this.#child = child;
    this.#say(Date.now(), `started as ${child.pid}`);
    if (child.pid !== undefined) this.#watcher.running(child.pid);
    child.stdin.on('error', () => undefined);
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-4_000);
    });
    this.#listen(child.stdout);
    this.#exited = once(child, 'close').then(() => {
      this.#child = null;
      this.#watcher.ended();
      this.#onEnd(child, errors);
    });
  }

  #listen(stdout: Readable): void {
    stdout.setEncoding('utf8').on('data', (text: string) => {
      const found = /failpoint (\S+)/.exec(text);
      if (found !== null) this.failpoint = found[1] ?? '';
    });
  }

  #onEnd({ exitCode, signalCode, pid }: ChildProcess, errors: string): void {
    this.#say(Date.now(), `${pid} ended with ${signalCode ?? exitCode}`);
    void this.#expectCellsGone();
    const isOrdinary =
      signalCode === 'SIGKILL' ||
      (signalCode === 'SIGTERM' && !this.#wanted) ||
      [0, EXIT_LOST, EXIT_UNAVAILABLE].includes(exitCode ?? -1);
    if (!isOrdinary) this.#o.onTrouble('a node never ends by itself', `${signalCode ?? exitCode}: ${errors}`);
    if (exitCode === EXIT_UNAVAILABLE) this.#say(Date.now(), errors.trim());
    if (!this.#wanted) return;
    setTimeout(() => {
      if (this.#wanted && this.#child === null) this.#launch('');
    }, RESTART_MS);
  }

  async #expectCellsGone(): Promise<void> {
    const cells = [...this.#cells];
    const left = (): number[] => cells.filter(isRunning);
    try {
      await poll('its cells end', () => left().length === 0 || undefined, { limitMs: CELLS_GONE_MS, everyMs: 20 });
    } catch {
      this.#o.onTrouble('no process is left behind', `cells ${left().join(', ')} of ${this.name}`);
    }
    for (const pid of cells) this.#cells.delete(pid);
  }

  #say(at: number, text: string): void {
    this.lines.push(`${new Date(at).toISOString().slice(17, 23)} ${this.name}: ${text}`);
    if (this.lines.length > LINES_KEPT) this.lines.shift();
  }
}
