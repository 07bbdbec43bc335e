/**
 * One server of a test as a child process in a folder of its own. It never outlives the test's process, however that ends:
 * see server-watch.sh. Signals go to ids that descend from the child that was started here, never to a name.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { poll } from './poll.ts';
import { descendantsOf, isRunning } from './process-tree.ts';
import { ServerWatcher } from './server-watcher.ts';

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 20_000;
const CLASHES_MAX = 5;
const LOG_LINES = 25;

export interface ServerPlan {
  /** For messages and the name of the log. */
  readonly name: string;
  readonly dir: string;
  /** The folder was made for this server and goes with it. */
  readonly ownsDir: boolean;
  /** Undefined: one that is free, and another one if somebody was faster. */
  readonly port: number | undefined;
  command(port: number): readonly string[];
  /** Whom it runs as, if not as whoever runs the tests. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  /** Asks it to end in order. */
  readonly stopSignal: NodeJS.Signals;
  /** Ends it at once and lets it give back what outlives a process, such as shared memory. */
  readonly abortSignal: NodeJS.Signals;
  /** Whether the process with this id serves on this port. */
  isReady(port: number, pid: number): Promise<boolean> | boolean;
}

export class ServerProcess {
  readonly #plan: ServerPlan;
  readonly #watcher: ServerWatcher;
  #port = 0;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();

  private constructor(plan: ServerPlan) {
    this.#plan = plan;
    this.#watcher = new ServerWatcher(plan.name, plan.abortSignal, plan.ownsDir ? plan.dir : undefined);
  }

  static async start(plan: ServerPlan): Promise<ServerProcess> {
    const server = new ServerProcess(plan);
    try {
      for (let clashes = 0; ; clashes++) {
        server.#port = plan.port ?? (await freePort());
        try {
          await server.#launch();
          return server;
        } catch (error) {
          if (plan.port !== undefined || clashes === CLASHES_MAX || !isClash(error)) throw error;
        }
      }
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  get port(): number {
    return this.#port;
  }

  get dir(): string {
    return this.#plan.dir;
  }

  /** Of the server's first process; throws where it does not run. */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.#plan.name} does not run`);
    return pid;
  }

  /** SIGKILL takes every process of the server in one moment, as a loss of power would. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.#child === undefined) return;
    if (signal !== 'SIGKILL') {
      const family = descendantsOf(this.pid);
      process.kill(this.pid, signal);
      return this.#gone(family, `exit after ${signal}`);
    }
    // A stopped process starts no other one, and no id of its children can go to somebody else.
    process.kill(this.pid, 'SIGSTOP');
    const children = descendantsOf(this.pid);
    for (const pid of [this.pid, ...children]) send(pid, 'SIGKILL');
    await this.#gone(children, 'exit after SIGKILL');
  }

  async stop(): Promise<void> {
    if (this.#child === undefined) return;
    this.resume();
    await this.kill(this.#plan.stopSignal);
  }

  /** On the same port and folder; one that still runs is stopped first. */
  async restart(): Promise<void> {
    await this.stop();
    const end = Date.now() + STOP_LIMIT_MS;
    for (;;) {
      try {
        return await this.#launch();
      } catch (error) {
        // Somebody's outgoing connection may have got the port meanwhile.
        if (!isClash(error) || Date.now() > end) throw error;
      }
    }
  }

  pause(): void {
    // The first process first: it starts no other one after that.
    process.kill(this.pid, 'SIGSTOP');
    for (const pid of descendantsOf(this.pid)) send(pid, 'SIGSTOP');
  }

  resume(): void {
    for (const pid of [...descendantsOf(this.pid), this.pid]) send(pid, 'SIGCONT');
  }

  /** Ends it and removes its folder. Nothing can be done with it afterwards. */
  async close(): Promise<void> {
    if (this.#child !== undefined) {
      this.resume();
      await this.kill(this.#plan.abortSignal);
    }
    if (this.#plan.ownsDir) rmSync(this.#plan.dir, { recursive: true, force: true });
    await this.#watcher.close();
  }

  async #launch(): Promise<void> {
    const { name, dir, user } = this.#plan;
    const logFile = join(dir, `${name}.log`);
    const logBegin = existsSync(logFile) ? readFileSync(logFile).length : 0;
    const log = openSync(logFile, 'a');
    const [program = '', ...args] = this.#plan.command(this.#port);
    // In a group of its own: a Ctrl-C is for the tests, and they end the server.
    const child = spawn(program, args, { cwd: dir, detached: true, stdio: ['ignore', log, log], ...user });
    if (child.pid !== undefined) this.#watcher.running(child.pid);
    closeSync(log);
    // It does not keep the test's process alive.
    child.unref();
    const forget = (): void => {
      this.#child = undefined;
      this.#watcher.ended();
    };
    this.#exited = once(child, 'exit').then(forget, forget);
    await once(child, 'spawn');
    this.#child = child;
    try {
      await poll(
        `${name} is ready`,
        async () => {
          if (this.#child === undefined) throw new Error(`${name} ended before it was ready`);
          return (await this.#plan.isReady(this.#port, this.pid)) || undefined;
        },
        { limitMs: START_LIMIT_MS },
      );
    } catch (error) {
      await this.kill();
      const lines = readFileSync(logFile).subarray(logBegin).toString().trim().split('\n').slice(-LOG_LINES);
      throw new Error(`${(error as Error).message}; its log ends with\n${lines.join('\n')}`, { cause: error });
    }
  }

  async #gone(children: readonly number[], what: string): Promise<void> {
    this.#child?.ref();
    let ended = false;
    await Promise.all([
      this.#exited.then(() => {
        ended = true;
      }),
      poll(`${this.#plan.name}: ${what}`, () => (ended && !children.some(isRunning)) || undefined, {
        limitMs: STOP_LIMIT_MS,
        everyMs: 5,
      }),
    ]);
  }
}

const isClash = (error: unknown): boolean => error instanceof Error && /address already in use/i.test(error.message);

/** One that has ended by itself meanwhile needs no signal. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
