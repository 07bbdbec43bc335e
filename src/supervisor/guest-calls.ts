/** What a guest says while it runs, dealt with in its order: state to the ledger, logs to the records, calls to the bridge. */
import type { LogLevel, StreamEntry } from '../../sandbox/protocol.ts';
import { RuntimeError, toRuntimeError } from '../core/errors.ts';
import type { CompiledWorker } from '../workers/definition.ts';
import { CallMeter } from './call-meter.ts';
import type { DurableCalls } from './durable-calls.ts';
import type { Ledger } from './ledger.ts';
import type { CommitNeed } from './ledger-options.ts';
import type { Session } from './session.ts';
import type { SlotServices } from './slot-services.ts';

export interface CallsOwner {
  readonly worker: string;
  /** What runs now: it changes with new code. */
  readonly code: () => Pick<CompiledWorker, 'mapLogText' | 'mapLogFields'>;
  readonly tick: () => number;
  /** Stores everything written so far. */
  readonly commit: (need: CommitNeed) => Promise<void>;
  readonly settled: () => boolean;
  readonly durable: DurableCalls;
  /** Its state was changed from outside, at this point of its stream. */
  readonly patched: (patch: number, done: boolean | null) => void;
}

/** An adapter that answers none of its calls must not fill the node's memory with them. */
const UNANSWERED_MAX = 1_000;
/** Log lines that a cell may let through, in units of what a guest is allowed: its ten seconds are not these. */
const LOG_SLACK = 3;
const LOG_WINDOW_MS = 10_000;
/** The clock of a run stops when its commit takes longer than this. */
const HOLD_AFTER_MS = 50;

export class Calls {
  readonly #s: SlotServices;
  readonly #owner: CallsOwner;
  /** Calls of the run in flight. */
  #open = 0;
  readonly #meter = new CallMeter();
  /** Calls that no adapter has answered yet, those of ended runs among them. */
  #unanswered = 0;

  /** Log lines of this session since then. */
  #lines = { session: null as Session | null, from: 0, count: 0 };

  constructor(services: SlotServices, owner: CallsOwner) {
    this.#s = services;
    this.#owner = owner;
  }

  /** @throws RuntimeError CELL_PROTOCOL when the cell let something through that it must not */
  take(entries: readonly StreamEntry[], session: Session, ledger: Ledger): void {
    for (const entry of entries) {
      if (entry[0] === 'q' || entry[0] === 'f')
        this.#meter.ask(session.signal, this.#open, entry[0] === 'q' ? entry[3].length : 0);
      switch (entry[0]) {
        case 's':
          ledger.write(entry[1], entry[2]);
          break;
        case 'd':
          ledger.write(entry[1], null);
          break;
        case 'l':
          this.#countLine(session);
          this.#logOfGuest(entry[1], entry[2], entry[3]);
          break;
        case 'n':
          this.#countLine(session);
          this.log('warn', `${entry[1]} log lines were dropped: too many in ten seconds.`, null);
          break;
        case 'f':
          void this.#answer(session, entry[1], async () => {
            await this.#commit(session);
            return 'null';
          });
          break;
        case 'b':
          ledger.beginDump(entry[1]);
          break;
        case 'v':
          ledger.takeDumped(entry[1], entry[2]);
          break;
        case 'w':
          ledger.endDump(entry[1], entry[2]);
          break;
        case 'p':
          this.#owner.patched(entry[1], entry[2]);
          break;
        case 'q':
          void this.#answer(session, entry[1], () => this.#call(session, entry[2], entry[3]));
          break;
      }
    }
  }

  /** SECURITY: a cell that was taken over could fill the disk, line by line (test/security/wire-flood.test.ts). */
  #countLine(session: Session): void {
    const now = this.#s.clock.monoMs();
    if (this.#lines.session !== session || now - this.#lines.from >= LOG_WINDOW_MS)
      this.#lines = { session, from: now, count: 0 };
    this.#lines.count += 1;
    if (this.#lines.count > LOG_SLACK * session.spec.limits.logLinesPer10s)
      throw new RuntimeError('CELL_PROTOCOL', 'a cell let too many log lines through');
  }

  /** Stacks in it name the user's own files. */
  #logOfGuest(level: LogLevel, text: string, fields: string | null): void {
    const code = this.#owner.code();
    this.log(level, code.mapLogText(text), fields === null ? null : code.mapLogFields(fields));
  }

  /** A line of the engine in the worker's own log. */
  log(level: LogLevel, text: string, fields: string | null): void {
    this.#s.onLog({
      worker: this.#owner.worker,
      at: this.#s.clock.wallMs(),
      level,
      text,
      fields,
      tick: this.#owner.tick(),
    });
  }

  #call(session: Session, name: string, argsJson: string): Promise<string> {
    if (this.#unanswered >= UNANSWERED_MAX)
      throw new RuntimeError(
        'CALL_LIMIT',
        `ctx.${name} was not called: ${this.#unanswered} earlier calls of this worker were never answered.`,
      );
    const { signal } = session;
    return this.#s.dispatcher.call({
      worker: this.#owner.worker,
      tick: this.#owner.tick(),
      signal,
      remainingMs: session.remainingMs,
      intentId: null,
      notAfter: null,
      name,
      argsJson,
      afterCommit: () => this.#commit(session),
      durably: (request) => this.#owner.durable.perform(request, signal, (need) => this.#held(session, need)),
    });
  }

  async #answer(session: Session, call: number, work: () => Promise<string>): Promise<void> {
    // A run that ends leaves its calls behind, and the guest counts anew: so does this.
    const { signal } = session;
    let open = !signal.aborted;
    const close = (): void => {
      if (open) this.#open -= 1;
      open = false;
    };
    if (open) this.#open += 1;
    this.#unanswered += 1;
    signal.addEventListener('abort', close);
    try {
      const json = await work();
      this.#meter.answer(signal, json.length);
      session.send({ kind: 'reply', call, json });
    } catch (thrown) {
      const error = toRuntimeError(thrown);
      if (error.code === 'INTERNAL')
        this.#s.log('error', `a call of ${this.#owner.worker} failed: ${error.stack ?? error.message}`);
      const message = error.code === 'INTERNAL' ? 'The call failed inside the engine.' : error.message;
      session.send({ kind: 'refuse', call, code: error.code, message: message.slice(0, 4_000) });
    } finally {
      signal.removeEventListener('abort', close);
      this.#unanswered -= 1;
      close();
    }
  }

  /** Where the lease does not hold, a commit of nothing waits until it does: an effect may not go out before. */
  async #commit(session: Session): Promise<void> {
    if (!this.#owner.settled() || this.#s.obstacle() !== null) await this.#held(session, 'now');
  }

  /** Waiting for our own store is not the worker's time: the run's clock stands still meanwhile. */
  async #held(session: Session, need: CommitNeed): Promise<void> {
    const from = this.#s.clock.monoMs();
    const cancel = this.#s.clock.after(HOLD_AFTER_MS, () => session.hold());
    try {
      await this.#owner.commit(need);
    } finally {
      cancel();
      const waited = this.#s.clock.monoMs() - from;
      if (waited >= HOLD_AFTER_MS) session.held(waited);
    }
  }
}
