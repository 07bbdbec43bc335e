/**
 * Messages on their way into frames, on both sides of the wire. One that comes alone goes at once; under load a frame carries what
 * some milliseconds bring, since waking the other side costs more than most messages do.
 */
export interface Spacing {
  /** Frames go out at least this far apart, ms, */
  readonly ms: number;
  /** and this far where the last one carried so many messages or more. One in haste takes at once along what waits. */
  readonly busyMs: number;
  readonly busyMessages: number;
}

export class Outbox<Message> {
  readonly #send: (messages: readonly Message[]) => void;
  readonly #spacing: Spacing;
  #messages: Message[] = [];
  #timer: NodeJS.Timeout | null = null;
  #turn: NodeJS.Immediate | null = null;
  /** When one of them comes, by performance.now(). */
  #due = 0;
  #flushedAt = 0;
  #busy = false;

  constructor(spacing: Spacing, send: (messages: readonly Message[]) => void) {
    this.#spacing = spacing;
    this.#send = send;
  }

  push(message: Message, haste = false): void {
    this.#messages.push(message);
    const due = haste ? 0 : this.#flushedAt + (this.#busy ? this.#spacing.busyMs : this.#spacing.ms);
    if ((this.#timer !== null || this.#turn !== null) && this.#due <= due) return;
    this.#cancel();
    this.#due = due;
    const early = due - performance.now();
    if (early > 0) this.#timer = setTimeout(this.#onTime, early);
    else this.#turn = setImmediate(this.#onTime);
  }

  /** Now, for what cannot wait at all. */
  flush(): void {
    this.#cancel();
    const messages = this.#messages;
    if (messages.length === 0) return;
    this.#messages = [];
    this.#flushedAt = performance.now();
    this.#busy = messages.length >= this.#spacing.busyMessages;
    this.#send(messages);
  }

  readonly #onTime = (): void => this.flush();

  #cancel(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#timer = null;
    this.#turn = null;
  }
}
