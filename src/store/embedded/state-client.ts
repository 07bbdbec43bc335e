/**
 * The main thread's side of the state file: gathers what is asked in one turn of the event loop into one group, keeps few
 * groups on their way, and settles each caller. A commit that comes alone goes at once; close behind another one it waits for
 * company, for longer where that is found. That costs a busy store some latency, which nobody waits for at the end of a tick, and
 * saves it most of its work: 1,000 commits a second took a third of a core one by one. What somebody does wait for is urgent.
 */
import type { Worker } from 'node:worker_threads';
import { RuntimeError } from '../../core/errors.ts';
import { MiB } from '../../core/limits.ts';
import { COMMITTED, refuseCommit, refuseReplacement } from '../commit-rule.ts';
import type { Claimed, Commit, CommitResult, Replacement, StateStore, StoredWorker, WorkerId } from '../contracts.ts';
import {
  type Answer,
  type Cell,
  packClaim,
  packCommit,
  packList,
  packRead,
  packRemove,
  packReplacement,
  type StateReply,
  type StateRequest,
} from './messages.ts';
import { type StoreLog, StoreThread } from './store-thread.ts';

export interface StateClientOptions {
  readonly spawn: () => Worker;
  readonly log: StoreLog;
  /** Operations that wait or are under way; more are refused. Default 100,000. */
  readonly operationsMax?: number;
  /** Characters of their text. Default 256 Mi. */
  readonly charactersMax?: number;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: RuntimeError) => void;
}

/** Two, so that the thread works on one group while the main thread settles the other. */
const GROUPS_UNDER_WAY_MAX = 2;
/** Bounds one transaction and one message. A claim or read counts more, since its answer is the whole state. */
const GROUP_WEIGHT_MAX = 4_096;
const GROUP_CHARACTERS_MAX = 8 * MiB;
const LOAD_WEIGHT = 64;
/** Groups without haste go out at least this far apart, ms; further where the last one found company; sooner with so many commits. */
const GATHER_MS = 2;
const BUSY_GATHER_MS = 10;
const BUSY_WEIGHT = 2;
const COMMITS_ENOUGH = 512;

class Group {
  readonly cells: Cell[] = [];
  readonly waiting: Waiting[] = [];
  weight = 0;
  characters = 0;
  urgent = false;

  get hasty(): boolean {
    return this.urgent || this.full || this.weight >= COMMITS_ENOUGH;
  }

  get full(): boolean {
    return this.weight >= GROUP_WEIGHT_MAX || this.characters >= GROUP_CHARACTERS_MAX;
  }
}

export class EmbeddedStateStore implements StateStore {
  readonly #operationsMax: number;
  readonly #charactersMax: number;
  #thread: StoreThread<StateRequest, StateReply> | null = null;
  /** Oldest first; the last one still takes operations. */
  #gathering: Group[] = [new Group()];
  #underWay: Group[] = [];
  #operations = 0;
  #characters = 0;
  #turn: NodeJS.Immediate | null = null;
  #gatherTimer: NodeJS.Timeout | null = null;
  #sentAt = 0;
  #gatherMs = GATHER_MS;
  #closed: Promise<void> | null = null;
  #onIdle: (() => void) | null = null;

  private constructor(options: StateClientOptions) {
    this.#operationsMax = options.operationsMax ?? 100_000;
    this.#charactersMax = options.charactersMax ?? 256 * MiB;
  }

  /** Rejects with DATA_UNUSABLE. */
  static async open(options: StateClientOptions): Promise<EmbeddedStateStore> {
    const store = new EmbeddedStateStore(options);
    store.#thread = await StoreThread.open<StateRequest, StateReply>({
      name: 'state',
      spawn: options.spawn,
      log: options.log,
      onReply: (reply) => store.#settle(reply),
      onLost: (reason) => store.#rejectAll(`its thread was lost (${reason})`),
    });
    return store;
  }

  commit(commit: Commit): Promise<CommitResult> {
    const refusal = refuseCommit(commit);
    if (refusal !== null) return Promise.reject(refusal);
    let characters = commit.head.length;
    for (const { key, json } of commit.changes) characters += key.length + (json?.length ?? 0);
    const group = this.#admit(1, characters);
    if (group instanceof RuntimeError) return Promise.reject(group);
    if (commit.urgent === true) group.urgent = true;
    packCommit(group.cells, commit);
    return this.#answer(group) as Promise<CommitResult>;
  }

  replace(replacement: Replacement): Promise<CommitResult> {
    const refusal = refuseReplacement(replacement);
    if (refusal !== null) return Promise.reject(refusal);
    let characters = replacement.head.length;
    for (const [key, json] of replacement.entries) characters += key.length + json.length;
    return this.#ask(LOAD_WEIGHT, (cells) => packReplacement(cells, replacement), characters) as Promise<CommitResult>;
  }

  claim(worker: WorkerId): Promise<Claimed> {
    return this.#ask(LOAD_WEIGHT, (cells) => packClaim(cells, worker)) as Promise<Claimed>;
  }

  read(worker: WorkerId): Promise<Claimed | null> {
    return this.#ask(LOAD_WEIGHT, (cells) => packRead(cells, worker)) as Promise<Claimed | null>;
  }

  remove(worker: WorkerId, epoch: bigint): Promise<CommitResult> {
    return this.#ask(1, (cells) => packRemove(cells, worker, epoch)) as Promise<CommitResult>;
  }

  list(): Promise<readonly StoredWorker[]> {
    return this.#ask(LOAD_WEIGHT, packList) as Promise<readonly StoredWorker[]>;
  }

  close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  async #finish(): Promise<void> {
    if (this.#operations > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#thread?.close({ kind: 'close' });
  }

  #ask(weight: number, pack: (cells: Cell[]) => void, characters = 0): Promise<Answer> {
    const group = this.#admit(weight, characters);
    if (group instanceof RuntimeError) return Promise.reject(group);
    // Only commits have time.
    group.urgent = true;
    pack(group.cells);
    return this.#answer(group);
  }

  /** The group that takes the next operation, or why none does. */
  #admit(weight: number, characters: number): Group | RuntimeError {
    if (this.#closed !== null) return unavailable('it is closed');
    if (this.#thread?.ready !== true) return unavailable('its thread is being started again');
    if (this.#operations >= this.#operationsMax || this.#characters + characters > this.#charactersMax) {
      return unavailable(
        `${this.#operations} operations with ${this.#characters} characters wait for the disk, which is as many as may`,
      );
    }
    let group = this.#gathering.at(-1);
    if (group === undefined || group.full) {
      group = new Group();
      this.#gathering.push(group);
    }
    group.weight += weight;
    group.characters += characters;
    this.#operations += 1;
    this.#characters += characters;
    return group;
  }

  #answer(group: Group): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    group.waiting.push({ resolve, reject });
    this.#sendSoon();
    return promise;
  }

  #sendSoon(): void {
    if (this.#turn !== null || this.#underWay.length >= GROUPS_UNDER_WAY_MAX) return;
    const early = this.#sentAt + this.#gatherMs - performance.now();
    if (early > 0 && this.#gathering[0]?.hasty === false) {
      this.#gatherTimer ??= setTimeout(() => this.#send(), early);
      return;
    }
    this.#turn = setImmediate(() => {
      this.#turn = null;
      this.#send();
    });
  }

  #send(): void {
    if (this.#gatherTimer !== null) clearTimeout(this.#gatherTimer);
    this.#gatherTimer = null;
    while (this.#underWay.length < GROUPS_UNDER_WAY_MAX) {
      const group = this.#gathering.shift();
      if (group === undefined || group.waiting.length === 0) return;
      this.#underWay.push(group);
      this.#sentAt = performance.now();
      this.#gatherMs = group.weight < BUSY_WEIGHT ? GATHER_MS : BUSY_GATHER_MS;
      this.#thread?.post({ kind: 'group', cells: group.cells });
    }
  }

  #settle(reply: StateReply): void {
    const group = this.#underWay.shift();
    if (group === undefined) return;
    this.#release(group);
    if (reply.kind === 'failed') rejectGroup(group, reply.message);
    else settleGroup(group, reply.answers);
    if (this.#gathering.length > 0) this.#sendSoon();
    this.#noteIdle();
  }

  #rejectAll(reason: string): void {
    const groups = [...this.#underWay, ...this.#gathering];
    this.#underWay = [];
    this.#gathering = [];
    for (const group of groups) {
      this.#release(group);
      rejectGroup(group, reason);
    }
    this.#noteIdle();
  }

  #release(group: Group): void {
    this.#operations -= group.waiting.length;
    this.#characters -= group.characters;
  }

  #noteIdle(): void {
    if (this.#operations === 0) this.#onIdle?.();
  }
}

function settleGroup(group: Group, answers: readonly (readonly [number, Answer])[]): void {
  let next = 0;
  group.waiting.forEach((waiting, index) => {
    const named = answers[next];
    if (named === undefined || named[0] !== index) {
      waiting.resolve(COMMITTED);
      return;
    }
    next += 1;
    const answer = named[1];
    if (answer !== null && 'kind' in answer && answer.kind === 'error') {
      waiting.reject(new RuntimeError(answer.code, `the state store cannot do this: ${answer.message}`));
    } else {
      waiting.resolve(answer);
    }
  });
}

function rejectGroup(group: Group, reason: string): void {
  const error = unavailable(reason);
  for (const waiting of group.waiting) waiting.reject(error);
}

function unavailable(reason: string): RuntimeError {
  return new RuntimeError('STORE_UNAVAILABLE', `the state store cannot answer: ${reason}`);
}
