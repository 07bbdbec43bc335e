/**
 * Feeds programs to a process that runs them. Where that process ends, or does not answer any more, it is started again, and those
 * that were in flight run one at a time: so it is found out which of them did it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { CellDeath, FromChild, Program, ToChild, Verdict } from './program.ts';

export interface ChildOptions {
  readonly script: URL;
  /** Asked for each start: its arguments. */
  readonly args: () => readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly lanes: number;
  readonly onVerdict: (verdict: Verdict) => void;
  readonly onCellDeath: (death: CellDeath) => void;
  /** It ended, or was ended because it did not answer. */
  readonly onDeath: (how: string, running: readonly string[]) => void;
}

export interface CanaryCount {
  ticks: number;
  errors: number;
}

const PING_MS = 2_000;
/** At low priority, on a machine that does other things. */
const HANG_MS = 60_000;
const START_MS = 120_000;
const FAILED_STARTS_MAX = 3;
const STOP_MS = 15_000;
const STDERR_CHARS = 2_000;

export class Child {
  readonly #o: ChildOptions;
  readonly #running = new Map<string, Program>();
  #suspects: Program[] = [];
  #process: ChildProcess | null = null;
  #stderr = '';
  #answeredAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #ready = false;
  #startedAt = 0;
  /** Starts in a row that came to nothing. */
  #failedStarts = 0;
  #wake: () => void = () => undefined;
  readonly canary: CanaryCount = { ticks: 0, errors: 0 };

  constructor(options: ChildOptions) {
    this.#o = options;
  }

  /** Resolves when the last of them has its verdict and the process has ended; rejects when the process does not start. */
  async runAll(programs: Iterable<Program>): Promise<void> {
    this.#start();
    for (const program of programs) {
      while (this.#suspects.length > 0 || !this.#ready || this.#running.size >= this.#o.lanes) await this.#step();
      this.#send(program);
    }
    while (this.#suspects.length > 0 || this.#running.size > 0) await this.#step();
    await this.#stop();
  }

  /** Something has changed; a suspect goes in alone. */
  async #step(): Promise<void> {
    if (this.#ready && this.#running.size === 0 && this.#suspects.length > 0)
      this.#send(this.#suspects.shift() as Program);
    else
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    if (this.#failedStarts < FAILED_STARTS_MAX) return;
    await this.#stop();
    throw new Error(`the process that runs the programs does not start: ${this.#stderr.trim()}`);
  }

  #send(program: Program): void {
    this.#running.set(program.id, program);
    this.#tell({ kind: 'run', program });
  }

  #tell(message: ToChild): void {
    // One that is ending is heard of by its exit.
    this.#process?.send(message, () => undefined);
  }

  #start(): void {
    this.#ready = false;
    this.#stderr = '';
    const child = fork(this.#o.script, [...this.#o.args()], {
      cwd: this.#o.cwd,
      env: this.#o.env,
      // isolated-vm needs it: without it, an isolate can take its process down.
      execArgv: ['--no-node-snapshot'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#process = child;
    this.#startedAt = performance.now();
    this.#answeredAt = this.#startedAt;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARS);
    });
    child.on('message', (message: FromChild) => this.#take(message));
    child.once('close', (code, signal) => this.#onClose(child, `${signal ?? code}`));
    this.#timer ??= setInterval(() => this.#ping(), PING_MS);
  }

  #ping(): void {
    const now = performance.now();
    const isLate = !this.#ready && now - this.#startedAt > START_MS;
    if (isLate || now - this.#answeredAt > HANG_MS) this.#process?.kill('SIGKILL');
    else this.#tell({ kind: 'ping' });
  }

  #take(message: FromChild): void {
    this.#answeredAt = performance.now();
    switch (message.kind) {
      case 'ready':
        this.#ready = true;
        this.#failedStarts = 0;
        break;
      case 'pong':
        this.canary.ticks = message.canaryTicks;
        this.canary.errors = message.canaryErrors;
        break;
      case 'cell-death':
        this.#o.onCellDeath(message.death);
        break;
      case 'verdict':
        if (!this.#running.delete(message.verdict.id)) break;
        this.#o.onVerdict(message.verdict);
    }
    this.#wake();
  }

  #onClose(child: ChildProcess, how: string): void {
    if (this.#process !== child) return;
    if (!this.#ready) this.#failedStarts += 1;
    const running = [...this.#running.values()];
    const hung = performance.now() - this.#answeredAt > HANG_MS;
    const reason = `${hung ? 'it did not answer' : how}: ${this.#stderr.trim()}`;
    this.#o.onDeath(
      reason,
      running.map(({ id }) => id),
    );
    const [only] = running;
    if (running.length === 1 && only !== undefined)
      this.#o.onVerdict({ id: only.id, end: 'node-death', detail: reason, reached: [] });
    else this.#suspects.push(...running);
    this.#running.clear();
    if (this.#failedStarts < FAILED_STARTS_MAX) this.#start();
    this.#wake();
  }

  async #stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const closed = new Promise((resolve) => child.once('close', resolve));
    child.send({ kind: 'stop' } satisfies ToChild, () => undefined);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await closed;
    clearTimeout(timer);
  }
}
