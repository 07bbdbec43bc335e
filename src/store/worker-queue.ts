/**
 * Operations on many workers, carried out in batches: those of one worker one after the other in the order of the calls, those of
 * different workers side by side. A batch holds operations of one kind, and at most one of each worker. What nobody waits
 * for lets a batch gather for some milliseconds; the rest goes in the same turn. Kinds take turns. Bounded, and closed in order.
 */
import { RuntimeError } from '../core/errors.ts';

export interface BatchKind<Request, Answer> {
  /** Requests at most in one batch. */
  readonly sizeMax: number;
  /** Of their weights together; one that is larger travels alone. */
  readonly weightMax: number;
  /**
   * Answers in the order of the requests. A rejection is that of all. The promise of an answer concerns its own operation alone: the batch
   * is over without it.
   */
  readonly run: (requests: readonly Request[]) => Promise<readonly (Outcome<Answer> | Promise<Outcome<Answer>>)[]>;
}

/** An Error for one that failed alone, an {@link Onward} for one that is not done yet. */
export type Outcome<Answer> = Answer | Error | Onward<Answer>;

/** The operation goes on in a batch of another kind, before every later one of its worker. Its weight there was not known before. */
export class Onward<out Answer> {
  declare readonly answer?: Answer;
  readonly kind: BatchKind<unknown, unknown>;
  readonly request: unknown;
  readonly weight: number;

  private constructor(kind: BatchKind<unknown, unknown>, request: unknown, weight: number) {
    this.kind = kind;
    this.request = request;
    this.weight = weight;
  }

  static to<Request, Answer>(kind: BatchKind<Request, Answer>, request: Request, weight: number): Onward<Answer> {
    // The two type parameters meet again in `run`, whose answers are handed to the promise of this very operation.
    return new Onward<Answer>(kind as unknown as BatchKind<unknown, unknown>, request, weight);
  }
}

export interface QueueOptions {
  /** For messages: `Postgres`, `Redis`. */
  readonly name: string;
  /** Batches under way at once. None begins while what waits for promised answers weighs more than so many. */
  readonly batchesMax: number;
  /** Operations that may wait or be under way. */
  readonly operationsMax: number;
  /** And their weights together. */
  readonly weightMax: number;
}

interface Operation {
  readonly worker: string;
  readonly kind: BatchKind<unknown, unknown>;
  readonly request: unknown;
  readonly weight: number;
  readonly held: number;
  readonly urgent: boolean;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface Submission<Request> {
  readonly worker: string;
  readonly request: Request;
  /** About its characters, in its batch. */
  readonly weight: number;
  /** And while it waits, where that is less: what it loads takes no memory by then. */
  readonly held?: number;
  readonly urgent: boolean;
}

const GATHER_MS = 4;

export class WorkerQueue {
  readonly #o: QueueOptions;
  /** Per worker: the operation under way or ready, and those behind it. */
  readonly #lines = new Map<string, Operation[]>();
  readonly #ready = new Map<BatchKind<unknown, unknown>, Operation[]>();
  #batches = 0;
  /** Weights of what waits for a promised answer. */
  #promised = 0;
  #isHeldUp = false;
  #operations = 0;
  #weight = 0;
  #turn: NodeJS.Immediate | null = null;
  #gather: NodeJS.Timeout | null = null;
  #closed = false;
  #onIdle: (() => void) | null = null;

  constructor(options: QueueOptions) {
    this.#o = options;
  }

  submit<Request, Answer>(kind: BatchKind<Request, Answer>, submission: Submission<Request>): Promise<Answer> {
    const { name, operationsMax, weightMax } = this.#o;
    const { weight, held = weight } = submission;
    if (this.#closed) return Promise.reject(unavailable(name, 'it is closed'));
    if (this.#operations >= operationsMax || (this.#weight + held > weightMax && this.#operations > 0))
      return Promise.reject(unavailable(name, `${this.#operations} operations wait for it, which is as many as may`));
    return new Promise<Answer>((resolve, reject) => {
      const operation: Operation = {
        ...submission,
        held,
        // The two type parameters meet again in `run`, whose answers are handed to this very promise.
        kind: kind as unknown as BatchKind<unknown, unknown>,
        resolve: resolve as (answer: unknown) => void,
        reject,
      };
      this.#operations += 1;
      this.#weight += held;
      const line = this.#lines.get(operation.worker);
      if (line === undefined) {
        this.#lines.set(operation.worker, [operation]);
        this.#makeReady(operation);
      } else line.push(operation);
    });
  }

  /** Finishes what was submitted; what comes after is refused. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#operations === 0) return;
    this.#sendSoon(true);
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #makeReady(operation: Operation): void {
    const list = this.#ready.get(operation.kind);
    if (list === undefined) this.#ready.set(operation.kind, [operation]);
    else list.push(operation);
    this.#sendSoon(operation.urgent || this.#closed);
  }

  #sendSoon(now: boolean): void {
    if (this.#turn !== null || this.#batches >= this.#o.batchesMax) return;
    if (!now) {
      this.#gather ??= setTimeout(() => this.#send(), GATHER_MS);
      return;
    }
    this.#turn = setImmediate(() => this.#send());
  }

  #send(): void {
    if (this.#turn !== null) clearImmediate(this.#turn);
    if (this.#gather !== null) clearTimeout(this.#gather);
    this.#turn = null;
    this.#gather = null;
    this.#isHeldUp = false;
    const { batchesMax } = this.#o;
    for (const [kind, list] of this.#ready) {
      if (this.#batches >= batchesMax) break;
      if (list.length === 0) continue;
      if (this.#promised > batchesMax * kind.weightMax) {
        this.#isHeldUp = true;
        continue;
      }
      // Behind all others, where this loop finds it again.
      this.#ready.delete(kind);
      this.#ready.set(kind, list);
      void this.#run(kind, takeBatch(kind, list));
    }
  }

  async #run(kind: BatchKind<unknown, unknown>, batch: readonly Operation[]): Promise<void> {
    this.#batches += 1;
    let settle: (operation: Operation, index: number) => void;
    try {
      const answers = await kind.run(batch.map(({ request }) => request));
      settle = (operation, index) => this.#settle(operation, answers[index]);
    } catch (thrown) {
      settle = (operation) => this.#fail(operation, thrown);
    }
    this.#batches -= 1;
    batch.forEach(settle);
    for (const list of this.#ready.values()) if (list.length > 0) this.#sendSoon(true);
  }

  #settle(operation: Operation, answer: unknown): void {
    if (answer instanceof Promise) this.#settleLater(operation, answer);
    else if (answer instanceof Onward) this.#goOn(operation, answer);
    else if (answer instanceof Error) this.#fail(operation, answer);
    else {
      operation.resolve(answer);
      this.#finish(operation);
    }
  }

  #settleLater(operation: Operation, promise: Promise<unknown>): void {
    this.#promised += operation.weight;
    const settled = (settle: () => void): void => {
      this.#promised -= operation.weight;
      settle();
      if (this.#isHeldUp) this.#sendSoon(true);
    };
    promise.then(
      (answer) => settled(() => this.#settle(operation, answer)),
      (thrown: unknown) => settled(() => this.#fail(operation, thrown)),
    );
  }

  #fail(operation: Operation, thrown: unknown): void {
    operation.reject(thrown);
    this.#finish(operation);
  }

  #goOn(operation: Operation, { kind, request, weight }: Onward<unknown>): void {
    const next: Operation = { ...operation, kind, request, weight };
    this.#lines.get(operation.worker)?.splice(0, 1, next);
    this.#makeReady(next);
  }

  #finish(operation: Operation): void {
    this.#operations -= 1;
    this.#weight -= operation.held;
    const line = this.#lines.get(operation.worker);
    line?.shift();
    const next = line?.[0];
    if (next === undefined) this.#lines.delete(operation.worker);
    else this.#makeReady(next);
    if (this.#operations === 0) this.#onIdle?.();
  }
}

function takeBatch(kind: BatchKind<unknown, unknown>, list: Operation[]): readonly Operation[] {
  let weight = 0;
  let count = 0;
  for (const operation of list) {
    weight += operation.weight;
    if (count === kind.sizeMax || (count > 0 && weight > kind.weightMax)) break;
    count += 1;
  }
  return list.splice(0, count);
}

function unavailable(name: string, reason: string): RuntimeError {
  return new RuntimeError('STORE_UNAVAILABLE', `${name} cannot do this now: ${reason}`);
}
