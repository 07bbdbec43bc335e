/**
 * The main thread's side of the record file. Appending is an array push; what was gathered travels every 200 ms, 1,000
 * records or a mebibyte. A queue that grows beyond its bounds drops what comes and counts it: telling about ticks never delays one.
 */
import type { Worker } from 'node:worker_threads';
import { RuntimeError } from '../../core/errors.ts';
import { MiB } from '../../core/limits.ts';
import type { LogQuery, LogRecord, MinuteRecord, RecordStore, TickRecord, WorkerId } from '../contracts.ts';
import {
  packLog,
  packTick,
  type RecordAnswer,
  type RecordCell,
  type RecordQuestion,
  type RecordReply,
  type RecordRequest,
} from './record-messages.ts';
import { type StoreLog, StoreThread } from './store-thread.ts';

export interface RecordClientOptions {
  readonly spawn: () => Worker;
  readonly log: StoreLog;
  /** Records that wait or are under way. Default 50,000. */
  readonly recordsMax?: number;
  /** Characters of their texts. Default 32 Mi. */
  readonly charactersMax?: number;
}

interface Batch {
  readonly ticks: RecordCell[];
  readonly logs: RecordCell[];
  records: number;
  characters: number;
}

interface Asked {
  readonly resolve: (answer: RecordAnswer) => void;
  readonly reject: (error: RuntimeError) => void;
}

const FLUSH_MS = 200;
const BATCH_RECORDS = 1_000;
/** A batch is one transaction, and what it adds to the write-ahead log is not yet bounded by anything else. */
const BATCH_CHARACTERS = 1 * MiB;

export class EmbeddedRecordStore implements RecordStore {
  readonly #recordsMax: number;
  readonly #charactersMax: number;
  readonly #log: StoreLog;
  #thread: StoreThread<RecordRequest, RecordReply> | null = null;
  #gathering: Batch = emptyBatch();
  #underWay: Batch[] = [];
  #records = 0;
  #characters = 0;
  #dropped = 0;
  #failing = false;
  #timer: NodeJS.Timeout | null = null;
  #asked = new Map<number, Asked>();
  #nextId = 1;
  #closed: Promise<void> | null = null;

  private constructor(options: RecordClientOptions) {
    this.#recordsMax = options.recordsMax ?? 50_000;
    this.#charactersMax = options.charactersMax ?? 32 * MiB;
    this.#log = options.log;
  }

  /** Rejects with DATA_UNUSABLE. */
  static async open(options: RecordClientOptions): Promise<EmbeddedRecordStore> {
    const store = new EmbeddedRecordStore(options);
    store.#thread = await StoreThread.open<RecordRequest, RecordReply>({
      name: 'record',
      spawn: options.spawn,
      log: options.log,
      onReply: (reply) => store.#settle(reply),
      onLost: (reason) => store.#lose(reason),
    });
    return store;
  }

  appendTick(record: TickRecord): void {
    if (this.#admit(record.errorMessage?.length ?? 0)) {
      packTick(this.#gathering.ticks, record);
      this.#sendWhenDue();
    }
  }

  appendLog(record: LogRecord): void {
    if (this.#admit(record.text.length + (record.fields?.length ?? 0))) {
      packLog(this.#gathering.logs, record);
      this.#sendWhenDue();
    }
  }

  ticks(worker: WorkerId, limit: number): Promise<readonly TickRecord[]> {
    return this.#ask({ kind: 'ticks', worker, limit }) as Promise<readonly TickRecord[]>;
  }

  minutes(worker: WorkerId, limit: number): Promise<readonly MinuteRecord[]> {
    return this.#ask({ kind: 'minutes', worker, limit }) as Promise<readonly MinuteRecord[]>;
  }

  logs(query: LogQuery): Promise<readonly LogRecord[]> {
    return this.#ask({ kind: 'logs', query }) as Promise<readonly LogRecord[]>;
  }

  async forget(worker: WorkerId): Promise<void> {
    await this.#ask({ kind: 'forget', worker });
  }

  dropped(): number {
    return this.#dropped;
  }

  async flush(): Promise<void> {
    await this.#ask({ kind: 'flush' });
  }

  close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  async #finish(): Promise<void> {
    this.#send();
    await this.#thread?.close({ kind: 'close' });
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #admit(characters: number): boolean {
    const full = this.#records >= this.#recordsMax || this.#characters + characters > this.#charactersMax;
    if (full || this.#closed !== null) {
      this.#dropped += 1;
      return false;
    }
    this.#records += 1;
    this.#characters += characters;
    this.#gathering.records += 1;
    this.#gathering.characters += characters;
    return true;
  }

  #sendWhenDue(): void {
    const { records, characters } = this.#gathering;
    if (records >= BATCH_RECORDS || characters >= BATCH_CHARACTERS) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), FLUSH_MS);
  }

  #send(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#gathering.records === 0) return;
    // While the thread is away records are gathered on, up to the bounds; the next one that comes tries again.
    if (this.#thread?.ready !== true) return;
    const batch = this.#gathering;
    this.#gathering = emptyBatch();
    this.#underWay.push(batch);
    this.#thread.post({ kind: 'append', ticks: batch.ticks, logs: batch.logs });
  }

  /** What was appended before is sent before, so every answer includes it. */
  #ask(question: RecordQuestion): Promise<RecordAnswer> {
    if (this.#closed !== null) return Promise.reject(unavailable('it is closed'));
    if (this.#thread?.ready !== true) return Promise.reject(unavailable('its thread is being started again'));
    this.#send();
    const { promise, resolve, reject } = Promise.withResolvers<RecordAnswer>();
    const id = this.#nextId++;
    this.#asked.set(id, { resolve, reject });
    this.#thread.post({ kind: 'ask', id, question });
    return promise;
  }

  #settle(reply: RecordReply): void {
    if (reply.kind === 'appended') {
      this.#noteAppended(reply.error);
      return;
    }
    const asked = this.#asked.get(reply.id);
    this.#asked.delete(reply.id);
    if (reply.kind === 'answer') asked?.resolve(reply.answer);
    else asked?.reject(unavailable(reply.message));
  }

  #noteAppended(error: string | null): void {
    const batch = this.#underWay.shift();
    if (batch === undefined) return;
    this.#release(batch);
    if (error !== null) {
      this.#dropped += batch.records;
      // Once per trouble, not once per batch.
      if (!this.#failing) this.#log('warn', 'ticks and logs cannot be recorded', { reason: error });
    }
    this.#failing = error !== null;
  }

  #lose(reason: string): void {
    for (const batch of this.#underWay) {
      this.#release(batch);
      this.#dropped += batch.records;
    }
    this.#underWay = [];
    for (const asked of this.#asked.values()) asked.reject(unavailable(`its thread was lost (${reason})`));
    this.#asked.clear();
  }

  #release(batch: Batch): void {
    this.#records -= batch.records;
    this.#characters -= batch.characters;
  }
}

function emptyBatch(): Batch {
  return { ticks: [], logs: [], records: 0, characters: 0 };
}

function unavailable(reason: string): RuntimeError {
  return new RuntimeError('STORE_UNAVAILABLE', `the record store cannot answer: ${reason}`);
}
