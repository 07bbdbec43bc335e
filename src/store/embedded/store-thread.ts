/**
 * A worker thread that serves one store file: started, listened to, and started again with back-off when it dies. It
 * keeps no promises of its own: whoever posts learns from `onLost` that no answer will come.
 */
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import type { LogLevel } from '../../../sandbox/protocol.ts';
import { RuntimeError } from '../../core/errors.ts';
import type { Greeting } from './thread-server.ts';

export type StoreLog = (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;

export interface StoreThreadOptions<Reply> {
  /** For messages: `state`, `records`. */
  readonly name: string;
  readonly spawn: () => Worker;
  readonly log: StoreLog;
  readonly onReply: (reply: Reply) => void;
  /** The thread is gone; nothing that was posted before will be answered. */
  readonly onLost: (reason: string) => void;
}

const RESTART_MS_MIN = 100;
const RESTART_MS_MAX = 5_000;

export class StoreThread<Request, Reply> {
  readonly #options: StoreThreadOptions<Reply>;
  #worker: Worker | null = null;
  #restart: NodeJS.Timeout | null = null;
  #restartMs = RESTART_MS_MIN;
  #closing = false;

  private constructor(options: StoreThreadOptions<Reply>) {
    this.#options = options;
  }

  /** Resolves when the thread has opened its file; rejects with DATA_UNUSABLE where it cannot. */
  static async open<Request, Reply>(options: StoreThreadOptions<Reply>): Promise<StoreThread<Request, Reply>> {
    const thread = new StoreThread<Request, Reply>(options);
    await thread.#start();
    return thread;
  }

  /** False while the thread is away. */
  get ready(): boolean {
    return this.#worker !== null;
  }

  /** Only while {@link ready}. */
  post(request: Request): void {
    this.#worker?.postMessage(request);
  }

  /** Posts the request that makes the thread close its file, and waits for its end. */
  async close(last: Request): Promise<void> {
    this.#closing = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    const worker = this.#worker;
    if (worker === null) return;
    const ended = once(worker, 'exit');
    worker.postMessage(last);
    await ended;
  }

  async #start(): Promise<void> {
    const worker = this.#options.spawn();
    const greeting = await greetingOf(worker);
    if (greeting.kind === 'unusable') {
      throw new RuntimeError(greeting.code, greeting.message);
    }
    if (greeting.note !== null) this.#options.log('warn', greeting.note);
    let reason = 'it ended unexpectedly';
    worker.on('message', (reply: Reply) => {
      // An answer, not a mere start, proves that the thread is well: one that dies at its first request backs off too.
      this.#restartMs = RESTART_MS_MIN;
      this.#options.onReply(reply);
    });
    worker.on('error', (error: Error) => {
      reason = error.message;
    });
    worker.on('exit', () => {
      this.#worker = null;
      if (this.#closing) return;
      this.#options.log('error', `the ${this.#options.name} store's thread is lost and is started again`, { reason });
      this.#options.onLost(reason);
      this.#restartLater();
    });
    this.#worker = worker;
    if (this.#closing) await worker.terminate();
  }

  #restartLater(): void {
    this.#restart = setTimeout(() => {
      this.#restart = null;
      this.#start().catch((error: unknown) => {
        this.#options.log('error', `the ${this.#options.name} store cannot be opened again, trying on`, {
          reason: error instanceof Error ? error.message : String(error),
        });
        if (!this.#closing) this.#restartLater();
      });
    }, this.#restartMs);
    this.#restartMs = Math.min(this.#restartMs * 2, RESTART_MS_MAX);
  }
}

function greetingOf(worker: Worker): Promise<Greeting> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the store's thread ended with ${code} before it was ready`)));
  });
}
