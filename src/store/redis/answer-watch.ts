/**
 * Finds out that a server does not answer any more, for each connection on its own. All commands share it, so a large one on a slow link
 * must not look like a server that is gone: the limit counts from the last byte that moved in either direction, and what others
 * are sent meanwhile moves nothing. Time in which this process stood still does not count.
 */
import type { Socket } from 'node:net';
import { MiB } from '../../core/limits.ts';

export interface Connection {
  readonly socket: Socket;
  /** Commands were sent on it that are not answered. */
  readonly isAwaited: boolean;
}

export interface AnswerWatchOptions {
  /** All that are open now. */
  readonly connections: () => readonly Connection[];
  /** Who waited for too long, whatever moved, fails with this. */
  readonly onLate: (reason: string) => Error;
}

interface Silence {
  readonly moved: string;
  readonly ms: number;
}

interface Waiter {
  readonly bytes: number;
  readonly hangsOn: (socket: Socket) => boolean;
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
  #silent = new Map<Socket, Silence>();

  constructor(options: AnswerWatchOptions) {
    this.#o = options;
  }

  /**
   * Waits for what `work` answers to about so many bytes. A connection that is silent is cut with the reason: what hangs on it fails by
   * that. `hangsOn`: what is cut when it takes too long; all that are awaited where nothing better is known.
   */
  async within<T>(work: Promise<T>, bytes: number, hangsOn: Waiter['hangsOn'] = () => true): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const waiter: Waiter = { bytes, hangsOn, ms: 0, reject };
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
    this.#silent.clear();
    this.#silent = this.#silences(0);
    return setInterval(() => this.#check(), CHECK_MS);
  }

  #end(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #check(): void {
    this.#silent = this.#silences(CHECK_MS);
    let bytes = 0;
    for (const waiter of this.#waiting) {
      waiter.ms += CHECK_MS;
      bytes += waiter.bytes;
    }
    const unseenMs = Math.min(bytes, UNSEEN_BYTES_MAX) / UNSEEN_BYTES_PER_MS;
    for (const [socket, { ms }] of this.#silent) if (ms >= SILENT_MS_MAX + unseenMs) cut(socket, ms);
    for (const waiter of this.#waiting) if (waiter.ms >= ANSWER_MS_MAX) this.#giveUp(waiter);
    if (this.#waiting.size === 0) this.#end();
  }

  /** How long nothing has moved on each connection where something should. */
  #silences(passedMs: number): Map<Socket, Silence> {
    const awaited = this.#o.connections().filter(({ isAwaited }) => isAwaited);
    return new Map(
      awaited.map(({ socket }) => {
        const moved = movedOn(socket);
        const before = this.#silent.get(socket);
        return [socket, { moved, ms: before?.moved === moved ? before.ms + passedMs : 0 }];
      }),
    );
  }

  /** Cut, since what it sent would stay in line there, behind the bounds of whoever sends more. */
  #giveUp(waiter: Waiter): void {
    for (const socket of this.#silent.keys()) {
      if (!waiter.hangsOn(socket)) continue;
      cut(socket, waiter.ms);
      this.#silent.delete(socket);
    }
    this.#waiting.delete(waiter);
    waiter.reject(this.#o.onLate(lateness(waiter.ms)));
  }
}

function cut(socket: Socket, ms: number): void {
  socket.destroy(new Error(lateness(ms)));
}

const lateness = (ms: number): string => `no answer within ${Math.round(ms / 1_000)} s`;

/** Another text whenever bytes came, or left for the system. `bytesWritten` also counts what only was handed over by us. */
const movedOn = (socket: Socket): string => `${socket.bytesRead}/${queuedOf(socket)}`;

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
