/**
 * Finds out that a server does not answer any more. All commands share a connection, so a large one on a slow link must not look like a
 * server that is gone: the limit counts from the last byte that moved in either direction, and what others are sent meanwhile
 * moves nothing. Time in which this process stood still does not count.
 */
import type { Socket } from 'node:net';
import { MiB } from '../../core/limits.ts';

export interface AnswerWatchOptions {
  /** All that are open now. */
  readonly sockets: () => readonly Socket[];
  /** Nothing moves; who waits fails with this. */
  readonly onSilent: (reason: string) => Error;
}

interface Waiter {
  readonly bytes: number;
  ms: number;
  readonly reject: (error: Error) => void;
}

const CHECK_MS = 250;
const SILENT_MS_MAX = 5_000;
/** Of one command, however much moves. */
const ANSWER_MS_MAX = 60_000;
/** What the system has taken over from us and not delivered yet moves unseen: so much of it, and at least so fast. */
const UNSEEN_BYTES_MAX = 4 * MiB;
const UNSEEN_BYTES_PER_MS = MiB / 2 / 1_000;

export class AnswerWatch {
  readonly #o: AnswerWatchOptions;
  readonly #waiting = new Set<Waiter>();
  #timer: NodeJS.Timeout | null = null;
  #silentMs = 0;
  #moved = '';

  constructor(options: AnswerWatchOptions) {
    this.#o = options;
  }

  /** Waits for what `work` answers to about so many bytes. */
  async within<T>(work: Promise<T>, bytes: number): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const waiter: Waiter = { bytes, ms: 0, reject };
    this.#waiting.add(waiter);
    this.#timer ??= this.#begin();
    try {
      return await Promise.race([work, late]);
    } finally {
      this.#waiting.delete(waiter);
      if (this.#waiting.size === 0) this.#end();
      work.catch(() => undefined);
    }
  }

  #begin(): NodeJS.Timeout {
    this.#silentMs = 0;
    this.#moved = movedOn(this.#o.sockets());
    return setInterval(() => this.#check(), CHECK_MS);
  }

  #end(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #check(): void {
    const moved = movedOn(this.#o.sockets());
    this.#silentMs = moved === this.#moved ? this.#silentMs + CHECK_MS : 0;
    this.#moved = moved;
    let bytes = 0;
    let oldestMs = 0;
    for (const waiter of this.#waiting) {
      waiter.ms += CHECK_MS;
      bytes += waiter.bytes;
      oldestMs = Math.max(oldestMs, waiter.ms);
    }
    const unseenMs = Math.min(bytes, UNSEEN_BYTES_MAX) / UNSEEN_BYTES_PER_MS;
    if (this.#silentMs >= SILENT_MS_MAX + unseenMs) this.#giveUp(this.#silentMs);
    else if (oldestMs >= ANSWER_MS_MAX) this.#giveUp(oldestMs);
  }

  /** Whoever waits hangs on the same connections. */
  #giveUp(ms: number): void {
    const error = this.#o.onSilent(`no answer within ${Math.round(ms / 1_000)} s`);
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
    this.#end();
  }
}

/** Another text whenever bytes came, or left for the system. `bytesWritten` also counts what only was handed over by us. */
function movedOn(sockets: readonly Socket[]): string {
  return sockets.map((socket) => `${socket.bytesRead}/${queuedOf(socket)}`).join();
}

interface Handle {
  readonly writeQueueSize?: number;
  /** Below TLS, whose own queue empties at once when all is written. */
  readonly _parent?: Handle | null;
}

/** As the timeout of a socket asks for it; nothing public says it. */
function queuedOf(socket: Socket): number {
  const { _handle: handle } = socket as Socket & { readonly _handle?: Handle | null };
  return (handle?._parent ?? handle)?.writeQueueSize ?? 0;
}
