/** The runner's end of a node: it starts the process, asks it, listens to it, and pings it all the time. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Ask, CaseOrder, CaseOutcome, Resources, Told } from './messages.ts';

const CHILD = fileURLToPath(new URL('node-child.ts', import.meta.url));
const PING_MS = 100;
const LINES_KEPT = 40;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class NodeLink {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #timer: NodeJS.Timeout;
  readonly #pings: { readonly at: number; ms: number | null }[] = [];
  readonly #onTold: (told: Told) => void;
  #id = 0;
  /** The last lines that it printed. */
  readonly lines: string[] = [];
  readonly ready: Promise<void>;
  readonly exited: Promise<string>;
  /** How it ended; null while it runs. */
  exit: string | null = null;
  #markReady: () => void = () => undefined;

  constructor(folder: string, secret: string, onTold: (told: Told) => void) {
    this.#onTold = onTold;
    // Like any node of an operator it has an environment, with things in it that are not for workers.
    this.#child = fork(CHILD, [folder], {
      execArgv: ['--no-node-snapshot'],
      env: { ...process.env, TICK_RUNTIME_CANARY: secret },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.lines.push(...String(chunk).trimEnd().split('\n'));
        this.lines.splice(0, this.lines.length - LINES_KEPT);
      });
    this.ready = new Promise((resolve, reject) => {
      this.#markReady = resolve;
      this.#child.once('error', reject);
      this.#child.once('exit', () => reject(new Error(`the node did not start:\n${this.lines.join('\n')}`)));
    });
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.exit = signal ?? `exit code ${code}`;
        for (const { reject } of this.#waiting.values()) reject(new Error(`the node ended: ${this.exit}`));
        this.#waiting.clear();
        resolve(this.exit);
      });
    });
    this.#child.on('message', (told: Told) => this.#hear(told));
    this.#timer = setInterval(() => this.#ping(), PING_MS);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  run(order: CaseOrder): Promise<CaseOutcome> {
    return this.ask({ kind: 'case', order }) as Promise<CaseOutcome>;
  }

  look(): Promise<Resources> {
    return this.ask({ kind: 'look' }) as Promise<Resources>;
  }

  ask(ask: Ask): Promise<unknown> {
    if (this.exit !== null) return Promise.reject(new Error(`the node ended: ${this.exit}`));
    const id = ++this.#id;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, ask }, (error) => {
        if (error !== null && this.#waiting.delete(id)) reject(error);
      });
    });
  }

  /** Of all pings that were under way at some time between the two, ms. One without an answer counts as long as it has waited. */
  worstPingMs(from: number, to: number): number {
    const now = performance.now();
    const waits = this.#pings
      .filter(({ at, ms }) => at <= to && (ms === null || at + ms >= from))
      .map(({ at, ms }) => ms ?? now - at);
    return Math.max(0, ...waits);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.ask({ kind: 'stop' });
  }

  kill(): void {
    clearInterval(this.#timer);
    this.#child.kill('SIGKILL');
  }

  #ping(): void {
    if (this.exit !== null) return;
    const ping: { readonly at: number; ms: number | null } = { at: performance.now(), ms: null };
    this.#pings.push(ping);
    this.ask({ kind: 'ping' }).then(
      () => {
        ping.ms = performance.now() - ping.at;
      },
      () => undefined,
    );
  }

  #hear(told: Told): void {
    if (told.kind === 'ready') return this.#markReady();
    if (told.kind !== 'answer') return this.#onTold(told);
    const waiting = this.#waiting.get(told.id);
    this.#waiting.delete(told.id);
    if (told.error === null) waiting?.resolve(told.value);
    else waiting?.reject(new Error(told.error));
  }
}
