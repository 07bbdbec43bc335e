/**
 * State in Redis: one hash per worker. Alone it promises no more than Redis itself does, which is why the runtime takes it
 * only in front of Postgres (store/synced); its own claims are for tests of the contract.
 */
import { RuntimeError } from '../../core/errors.ts';
import { KiB, MiB } from '../../core/limits.ts';
import { COMMITTED, refuseCommit, refuseReplacement } from '../commit-rule.ts';
import type {
  Claimed,
  Commit,
  CommitResult,
  Replacement,
  StateStore,
  StoredCopy,
  StoredWorker,
  WorkerId,
} from '../contracts.ts';
import { type BatchKind, Onward, type Outcome, WorkerQueue } from '../worker-queue.ts';
import type { RedisClient, Script } from './redis-client.ts';
import { CLAIM, COMMIT, OVERWRITE, RAISE, READ, REMOVE } from './scripts.ts';

/** A raise that found a fence above its own. */
export interface NewerFence {
  readonly newerEpoch: bigint;
}

interface Call {
  readonly script: Script;
  readonly worker: WorkerId;
  readonly args: readonly (string | number)[];
  /** About, of the request. */
  readonly bytes: number;
}

const OPERATIONS_MAX = 100_000;
const WEIGHT_MAX = 256 * MiB;
/** What a load brings at once. A larger state comes with its size first, and then among few enough others. */
const SMALL_BYTES = 16 * KiB;
/** Of requests, or of answers, in one pipeline; a state that is larger travels alone. */
const PIPELINE_BYTES_MAX = 8 * MiB;
const CALLS_MAX = 500;
const STATE_FIELD = '=';
const NUMBER = /^\d{1,19}$/;

export class RedisStateStore implements StateStore {
  readonly #client: RedisClient;
  /** Of the Postgres that it is in front of; nothing for one that is alone. */
  readonly #id: string;
  readonly #queue: WorkerQueue;
  /** One kind for all: a batch is a pipeline, and its commands need not be alike. */
  readonly #calls: BatchKind<Call, unknown>;
  /** Of large states. */
  readonly #loads: BatchKind<Call, unknown>;
  #isCertain = true;
  #overwrites = 0;

  /** `id`: whose hashes are its own, all for null. Any of another id is refused as STATE_CONFLICT, and stays as it is. */
  constructor(client: RedisClient, id: string | null) {
    this.#client = client;
    this.#id = id ?? '';
    this.#queue = new WorkerQueue({
      name: 'Redis',
      batchesMax: 4,
      operationsMax: OPERATIONS_MAX,
      weightMax: WEIGHT_MAX,
    });
    const pipeline = { sizeMax: CALLS_MAX, weightMax: PIPELINE_BYTES_MAX };
    this.#calls = { ...pipeline, run: (calls) => this.#pipeline(calls) };
    this.#loads = { ...pipeline, run: (calls) => this.#pipeline(calls) };
  }

  /**
   * Every hash that this store has written as a whole was answered for. Where one was not, it may still arrive, and bring back a
   * fence that was lost meanwhile.
   */
  get isCertain(): boolean {
    return this.#isCertain && this.#overwrites === 0;
  }

  async commit(commit: Commit): Promise<CommitResult> {
    const refusal = refuseCommit(commit);
    if (refusal !== null) throw refusal;
    const { worker, epoch, base, revision, commitId, head, checksum = '', changes } = commit;
    const last = new Map(changes.map(({ key, json }) => [key, json]));
    const written: string[] = [];
    const deleted: string[] = [];
    for (const [key, json] of last)
      if (json === null) deleted.push(STATE_FIELD + key);
      else written.push(STATE_FIELD + key, json);
    const version = [String(epoch), String(base), String(revision), commitId, checksum, head];
    const args = [...version, written.length, ...written, ...deleted];
    return this.#toResult(worker, await this.#submit(COMMIT, worker, args, commit.urgent === true));
  }

  async replace(replacement: Replacement): Promise<CommitResult> {
    const refusal = refuseReplacement(replacement);
    if (refusal !== null) throw refusal;
    const { worker, epoch, revision, commitId, head, checksum = '', entries } = replacement;
    const version = [String(epoch), String(epoch), String(revision), commitId, checksum, head];
    return this.#overwrite(worker, ['replace', ...version, this.#id, ...pairs(entries)]);
  }

  /** Makes the hash what `copy` is, for the owner of its epoch, who knows that it is newer. */
  async repair(worker: WorkerId, copy: StoredCopy): Promise<CommitResult> {
    const { epoch, writtenEpoch, revision, commitId, head, checksum = '', entries } = copy;
    const version = [String(epoch), String(writtenEpoch), String(revision), commitId ?? '', checksum, head ?? ''];
    return this.#overwrite(worker, ['repair', ...version, this.#id, ...pairs(entries)]);
  }

  async claim(worker: WorkerId): Promise<StoredCopy> {
    const copy = this.#toCopy(worker, await this.#submit(CLAIM, worker, [], true));
    if (copy === null) throw damaged(worker);
    return copy;
  }

  /** Fences every owner below `epoch`. Null: no such worker, and none was made. */
  async raise(worker: WorkerId, epoch: bigint): Promise<StoredCopy | NewerFence | null> {
    const reply = await this.#submit(RAISE, worker, [String(epoch), this.#id, SMALL_BYTES], true);
    if (Array.isArray(reply) && reply[0] === 'foreign') throw this.#foreign(worker, reply[1]);
    if (Array.isArray(reply) && reply[0] === 'newer') {
      if (!NUMBER.test(String(reply[1]))) throw damaged(worker);
      return { newerEpoch: BigInt(String(reply[1])) };
    }
    return this.#toCopy(worker, reply);
  }

  async read(worker: WorkerId): Promise<StoredCopy | null> {
    return this.#toCopy(worker, await this.#submit(READ, worker, [SMALL_BYTES], true));
  }

  async remove(worker: WorkerId, epoch: bigint): Promise<CommitResult> {
    return this.#toResult(worker, await this.#submit(REMOVE, worker, [String(epoch), 'keep'], true));
  }

  /** A removal that leaves nothing, not even a fence: Postgres has one. */
  async forget(worker: WorkerId, epoch: bigint): Promise<CommitResult> {
    return this.#toResult(worker, await this.#submit(REMOVE, worker, [String(epoch), ''], true));
  }

  async list(): Promise<readonly StoredWorker[]> {
    const prefix = this.#keyOf('');
    const workers = (await this.#client.keys('w')).map((key) => key.slice(prefix.length));
    const copies = await Promise.all(workers.map(async (worker) => ({ worker, copy: await this.read(worker) })));
    return copies.flatMap(({ worker, copy }) => {
      if (copy === null) return [];
      return [{ worker, epoch: copy.epoch, revision: copy.revision, head: copy.head }];
    });
  }

  /** The client stays open: it is its opener's. */
  close(): Promise<void> {
    return this.#queue.close();
  }

  async #overwrite(worker: WorkerId, args: Call['args']): Promise<CommitResult> {
    this.#overwrites += 1;
    try {
      return this.#toResult(worker, await this.#submit(OVERWRITE, worker, args, true));
    } catch (thrown) {
      this.#isCertain = false;
      throw thrown;
    } finally {
      this.#overwrites -= 1;
    }
  }

  #submit(script: Script, worker: WorkerId, args: Call['args'], urgent: boolean): Promise<unknown> {
    let bytes = 100;
    for (const arg of args) bytes += typeof arg === 'string' ? arg.length : 8;
    const weight = script === COMMIT || script === OVERWRITE ? bytes : SMALL_BYTES;
    return this.#queue.submit(this.#calls, { worker, request: { script, worker, args, bytes }, weight, urgent });
  }

  async #pipeline(calls: readonly Call[]): Promise<readonly unknown[]> {
    const scripts = calls.map(({ script, worker, args, bytes }) => ({ script, key: this.#keyOf(worker), args, bytes }));
    const replies = await this.#client.runAll(scripts);
    return calls.map((call, index) => {
      const reply = replies[index];
      return reply instanceof Promise
        ? reply.then((later) => this.#toOutcome(call, later))
        : this.#toOutcome(call, reply);
    });
  }

  #toOutcome(call: Call, reply: unknown): Outcome<unknown> {
    if (!isLarge(reply)) return reply;
    const whole = { ...call, args: [...call.args.slice(0, -1), ''] };
    return Onward.to(this.#loads, whole, reply[1]);
  }

  #keyOf(worker: WorkerId): string {
    return `${this.#client.prefix}:w:${worker}`;
  }

  /** @throws RuntimeError STATE_CORRUPT, STATE_CONFLICT */
  #toResult(worker: WorkerId, reply: unknown): CommitResult {
    if (reply === 1) return COMMITTED;
    const [kind, number, id] = reply as [string, string, (string | null)?];
    if (kind === 'foreign') throw this.#foreign(worker, number);
    if (!NUMBER.test(number)) throw damaged(worker);
    if (kind !== 'fenced') return { kind: 'stale', revision: BigInt(number) };
    if (this.#isForeign(id)) throw this.#foreign(worker, id);
    return { kind, epoch: BigInt(number) };
  }

  /** Null where there is no worker. The same errors. */
  #toCopy(worker: WorkerId, reply: unknown): StoredCopy | null {
    const hash = toHash(reply);
    const id = hash.fields.get('i');
    if (this.#isForeign(id)) throw this.#foreign(worker, id);
    return toCopy(worker, hash);
  }

  #isForeign(id: string | null | undefined): boolean {
    return this.#id !== '' && id !== undefined && id !== null && id !== this.#id;
  }

  #foreign(worker: WorkerId, id: unknown): RuntimeError {
    return new RuntimeError(
      'STATE_CONFLICT',
      `Redis holds worker ${worker} for another Postgres (store ${id}, ours is ${this.#id}): two deployments use one redis.prefix. Give one of them another; if the other is gone for good, delete the key ${this.#keyOf(worker)} in Redis.`,
    );
  }
}

const isLarge = (reply: unknown): reply is ['large', number] => Array.isArray(reply) && reply[0] === 'large';

function pairs(entries: Claimed['entries']): string[] {
  return [...new Map(entries)].flatMap(([key, json]) => [STATE_FIELD + key, json]);
}

interface Hash {
  readonly fields: ReadonlyMap<string, string>;
  readonly entries: Claimed['entries'];
}

/** From fields and values in turn. */
function toHash(reply: unknown): Hash {
  const fields = new Map<string, string>();
  const entries: (readonly [string, string])[] = [];
  const flat = reply as string[];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const [field, value] = [flat[at] as string, flat[at + 1] as string];
    if (field.startsWith(STATE_FIELD)) entries.push([field.slice(STATE_FIELD.length), value]);
    else fields.set(field, value);
  }
  return { fields, entries };
}

/** Null where there is no worker. @throws RuntimeError STATE_CORRUPT */
function toCopy(worker: WorkerId, { fields, entries }: Hash): StoredCopy | null {
  const [epoch, writtenEpoch, revision] = ['e', 'w', 'r'].map((field) => fields.get(field) ?? '');
  if (revision === '' && entries.length === 0) return null;
  if (![epoch, writtenEpoch, revision].every((number) => number !== undefined && NUMBER.test(number)))
    throw damaged(worker);
  const checksum = fields.get('s') ?? '';
  return {
    epoch: BigInt(epoch ?? 0),
    writtenEpoch: BigInt(writtenEpoch ?? 0),
    revision: BigInt(revision ?? 0),
    commitId: orNull(fields.get('c')),
    head: orNull(fields.get('h')),
    entries,
    ...(checksum === '' ? {} : { checksum }),
  };
}

const orNull = (text: string | undefined): string | null => (text === undefined || text === '' ? null : text);

function damaged(worker: WorkerId): RuntimeError {
  return new RuntimeError(
    'STATE_CORRUPT',
    `The state of worker ${worker} in Redis is damaged: its fields are not its own.`,
  );
}
