/**
 * Helper processes of the operator: started before the workers, stopped after them. Each has a process group of its own,
 * which always ends with this process: on an orderly end by signals; when this process is killed, by the end of its stdin
 * and, for one that does not heed that, by a guard that waits for the same end and then signals the group.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { SidecarOptions } from '../config/resolve.ts';
import { RuntimeError } from '../core/errors.ts';
import { pinnedNodeBinary } from '../core/node-binary.ts';
import { isAnswering, waitUntilReady } from './sidecar-ready.ts';

/** From SIGTERM to SIGKILL. */
const STOP_GRACE_MS = 5_000;
/** Time for one from an earlier start to go away. */
const LEFTOVER_MS = 4_000;
const LAST_LINES = 5;
// `kill -s NAME` and not `kill -NAME`: dash refuses the latter before `--`.
const GUARD_SCRIPT = 'cat >/dev/null; kill -s TERM -- "-$1"; sleep 2; kill -s KILL -- "-$1"';

export interface SidecarEvents {
  line(name: string, text: string): void;
  ended(name: string, how: string): void;
}

interface Running {
  readonly options: SidecarOptions;
  readonly child: ChildProcess;
  readonly guard: ChildProcess | undefined;
  readonly ended: Promise<string>;
  readonly lastLines: string[];
  alive: boolean;
}

export class Sidecars {
  readonly #events: SidecarEvents;
  readonly #running: Running[] = [];
  #stopping = false;

  constructor(events: SidecarEvents) {
    this.#events = events;
    process.once('exit', this.killNow);
  }

  /** Starts them one after the other, each when the one before is ready. Rejects with SIDECAR_FAILED. */
  async start(all: readonly SidecarOptions[], signal: AbortSignal): Promise<void> {
    for (const options of all) {
      if (signal.aborted) return;
      await refuseLeftover(options, signal);
      const running = await this.#spawn(options);
      if (options.ready === undefined) continue;
      const outcome = await Promise.race([
        waitUntilReady(options.ready, options.readyTimeoutMs, signal),
        running.ended.then((how) => `ended before it was ready (${how})`),
      ]);
      if (outcome !== 'ready' && outcome !== 'aborted') {
        const said = running.lastLines.length === 0 ? '' : `; it said last:\n  ${running.lastLines.join('\n  ')}`;
        throw failed(options, `${outcome}${said}`);
      }
    }
  }

  /** SIGTERM, 5 s, SIGKILL; the last one that was started ends first. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const running of this.#running.toReversed()) {
      if (running.alive) {
        signalGroup(running.child, 'SIGTERM');
        running.child.stdin?.end();
        const timer = setTimeout(() => signalGroup(running.child, 'SIGKILL'), STOP_GRACE_MS);
        await running.ended;
        clearTimeout(timer);
      }
    }
    process.off('exit', this.killNow);
  }

  /** Ends all of them without waiting. */
  readonly killNow = (): void => {
    this.#stopping = true;
    for (const { alive, child, guard } of this.#running) {
      if (!alive) continue;
      signalGroup(child, 'SIGKILL');
      if (guard !== undefined) signalGroup(guard, 'SIGKILL');
    }
  };

  async #spawn(options: SidecarOptions): Promise<Running> {
    const [program = '', ...programArguments] = options.command;
    const child = spawn(program === 'node' ? pinnedNodeBinary() : program, programArguments, {
      cwd: options.cwd,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    // A sidecar that closes its stdin early is none of our business.
    child.stdin.on('error', () => {});
    const started = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<string>();
    child.once('spawn', () => started.resolve());
    child.once('error', (error) => started.reject(failed(options, notStarted(program, error))));
    child.once('exit', (code, name) => ended.resolve(name === null ? `exit code ${code}` : name));
    await started.promise;

    const guard = startGuard(child);
    const running: Running = { options, child, guard, ended: ended.promise, lastLines: [], alive: true };
    this.#running.push(running);
    this.#print(running, child.stdout);
    this.#print(running, child.stderr);
    void ended.promise.then((how) => {
      running.alive = false;
      // What the sidecar started and left behind, and the guard that nobody needs any more.
      signalGroup(child, 'SIGKILL');
      if (guard !== undefined) signalGroup(guard, 'SIGKILL');
      if (!this.#stopping) this.#events.ended(options.name, how);
    });
    return running;
  }

  #print(running: Running, stream: Readable): void {
    createInterface({ input: stream }).on('line', (line) => {
      running.lastLines.push(line);
      if (running.lastLines.length > LAST_LINES) running.lastLines.shift();
      this.#events.line(running.options.name, line);
    });
  }
}

function notStarted(program: string, error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT')
    return `there is no program ${program}; write its path or correct its name under command`;
  if (error.code === 'EACCES') return `${program} may not be run as a program; check its permissions`;
  return `${program} cannot be started: ${error.message}`;
}

function failed(options: SidecarOptions, what: string): RuntimeError {
  return new RuntimeError('SIDECAR_FAILED', `the sidecar ${options.name} failed: ${what}`);
}

/** Whoever answers before the sidecar runs would be taken for it; one from an earlier start gets time to end. */
async function refuseLeftover(options: SidecarOptions, signal: AbortSignal): Promise<void> {
  if (options.ready === undefined) return;
  const deadline = performance.now() + LEFTOVER_MS;
  while (await isAnswering(options.ready)) {
    if (signal.aborted) return;
    if (performance.now() > deadline) {
      throw failed(options, `something else answers at ${options.ready} already; end it or use another port`);
    }
    await pause(100);
  }
}

function startGuard(child: ChildProcess): ChildProcess | undefined {
  if (process.platform === 'win32' || child.pid === undefined) return undefined;
  const guard = spawn('sh', ['-c', GUARD_SCRIPT, 'sidecar-guard', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.on('error', () => {});
  guard.stdin?.on('error', () => {});
  return guard;
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}
