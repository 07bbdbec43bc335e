/**
 * Messages on their way into frames, on both sides of the wire. One that comes alone goes at once; under load a frame carries what
 * some milliseconds bring, since waking the other side costs more than most messages do.
 */

/** Frames go out at least this far apart, ms; further where the last one carried many messages. */
const SPACING_MS = 1;
const BUSY_SPACING_MS = 3;
const BUSY_MESSAGES = 8;

export class Outbox<Message> {
  readonly #send: (messages: readonly Message[]) => void;
  #messages: Message[] = [];
  #scheduled = false;
  #flushedAt = 0;
  #spacingMs = SPACING_MS;

  constructor(send: (messages: readonly Message[]) => void) {
    this.#send = send;
  }

  push(message: Message): void {
    this.#messages.push(message);
    if (this.#scheduled) return;
    this.#scheduled = true;
    const early = this.#flushedAt + this.#spacingMs - performance.now();
    if (early > 0) setTimeout(this.#flushScheduled, early);
    else setImmediate(this.#flushScheduled);
  }

  /** Now, for what cannot wait. */
  flush(): void {
    const messages = this.#messages;
    if (messages.length === 0) return;
    this.#messages = [];
    this.#flushedAt = performance.now();
    this.#spacingMs = messages.length < BUSY_MESSAGES ? SPACING_MS : BUSY_SPACING_MS;
    this.#send(messages);
  }

  readonly #flushScheduled = (): void => {
    this.#scheduled = false;
    this.flush();
  };
}
