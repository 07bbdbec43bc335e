/**
 * Messages on their way into frames, on both sides of the wire. One that comes alone goes at once; under load a frame carries what
 * some milliseconds bring, since waking the other side costs more than most messages do.
 */
export interface Spacing {
  /** Frames go out at least this far apart, ms, */
  readonly ms: number;
  /** and this far where the last one carried so many messages or more, unless one of those that wait is in haste. */
  readonly busyMs: number;
  readonly busyMessages: number;
}

export class Outbox<Message> {
  readonly #send: (messages: readonly Message[]) => void;
  readonly #spacing: Spacing;
  #messages: Message[] = [];
  #timer: NodeJS.Timeout | NodeJS.Immediate | null = null;
  /** When the timer comes, by performance.now(). */
  #due = 0;
  #flushedAt = 0;
  #busy = false;

  constructor(spacing: Spacing, send: (messages: readonly Message[]) => void) {
    this.#spacing = spacing;
    this.#send = send;
  }

  push(message: Message, haste = false): void {
    this.#messages.push(message);
    const due = this.#flushedAt + (this.#busy && !haste ? this.#spacing.busyMs : this.#spacing.ms);
    if (this.#timer !== null && this.#due <= due) return;
    this.#cancelTimer();
    this.#due = due;
    const early = due - performance.now();
    this.#timer = early > 0 ? setTimeout(this.#onTime, early) : setImmediate(this.#onTime);
  }

  /** Now, for what cannot wait at all. */
  flush(): void {
    this.#cancelTimer();
    const messages = this.#messages;
    if (messages.length === 0) return;
    this.#messages = [];
    this.#flushedAt = performance.now();
    this.#busy = messages.length >= this.#spacing.busyMessages;
    this.#send(messages);
  }

  readonly #onTime = (): void => {
    this.#timer = null;
    this.flush();
  };

  #cancelTimer(): void {
    const timer = this.#timer;
    if (timer === null) return;
    this.#timer = null;
    if ('refresh' in timer) clearTimeout(timer);
    else clearImmediate(timer);
  }
}
