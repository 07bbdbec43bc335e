/**
 * What is modelled: how the state of one worker is owned and stored by two nodes, a Postgres row and a Redis hash. A value is the
 * list of the commits that made it (one letter each), so that "nothing is lost" and "nothing goes back" are exact. A step is one
 * atomic act of a store or of a node. Requests are executed at any time after they were sent, or never; replies arrive at any
 * time; a request that was given up or sent twice may still be executed later (a stray). That is all that partitions and a slow
 * network can do. Where a rule speaks of time (own deadline, expiry of the lease), a step says that the time has come.
 *
 * Faults: crash, freeze (SIGSTOP), Redis flushed, Redis back at an older copy with its fence, lost replies, strays.
 * By construction Postgres loses nothing, and a lease expires there only after its holder's own deadline. Epochs count up by one here; in
 * Postgres they jump with its clock (store/postgres/next-epoch.ts), which changes nothing while it loses nothing: only their order is looked at.
 *
 * Not modelled: more than one worker, partial writes, two Redis masters at once, Postgres put back from a backup, a clock that
 * runs wrong, the gap between the look at the deadline and the act after it (also an effect is sent and arrives in one step, but
 * see `effectTravels`), the removal of a worker, and what people change by hand.
 *
 * The invariants: I1 no acknowledged commit is lost (promises.ts says which exception `ack: redis` has). I2 one chain, nothing goes
 * back. I3 no commit of an epoch is acknowledged that the next epoch has not loaded. I4 no effect without its past, none twice.
 * I5 from every state some node ticks again without another fault, and never is there a conflict.
 *
 * Three rules are part of the protocol here because without them a trace breaks a promise (see the mutants): a commit is FENCED by a
 * higher fence only, a lower one is STALE; no whole hash or row is written over a newer one of the same epoch; and past its own
 * deadline a node goes on (`ack: redis`) only over an unbroken connection and with no whole hash of its own still on its way.
 */

/** One stored version of the worker. `fence` is the epoch that may write, `epoch` the one that wrote. */
export interface Row {
  readonly fence: number;
  readonly epoch: number;
  readonly revision: number;
  readonly lineage: string;
}

export type Reply = 'ok' | 'stale' | 'fenced';

/** On its way to a store; `content` is the whole lineage, for a commit the letters that are added. */
export interface Request {
  readonly op:
    | 'commit-redis'
    | 'commit-postgres'
    | 'checkpoint-postgres'
    | 'replace-postgres'
    | 'replace-redis'
    | 'repair-postgres'
    | 'repair-redis';
  /** Of the sender. */
  readonly epoch: number;
  readonly base: number;
  readonly written: number;
  readonly revision: number;
  readonly content: string;
}

export interface Call {
  readonly request: Request;
  /** Null until a store has executed it. */
  readonly reply: Reply | null;
}

export interface Node {
  readonly phase: 'idle' | 'leased' | 'fencing' | 'repairing' | 'ticking';
  readonly frozen: boolean;
  /** Its own deadline: not passed, passed but ordinary commits go on (`ack: redis`), passed. */
  readonly late: 'no' | 'grace' | 'yes';
  readonly epoch: number;
  /** The live sandbox: what was acknowledged here or loaded. */
  readonly revision: number;
  readonly lineage: string;
  /** Where Postgres is, as far as this node knows. */
  readonly synced: number;
  readonly syncedLength: number;
  readonly pending: { readonly id: string; readonly durable: boolean } | null;
  readonly call: Call | null;
  readonly checkpoint: Call | null;
  /** It sent a whole hash twice, so the first may still arrive. */
  readonly unsure: boolean;
  /** Redis broke after it had executed the pending commit, whose reply is still on its way. */
  readonly exposed: boolean;
  readonly effect: 'none' | 'send' | 'settle';
  /** What the claim has read: the row of Postgres; with the fence first, the hash. */
  readonly row: Row | null;
}

export interface State {
  readonly postgres: Row;
  readonly redis: Row | null;
  /** What Redis may come back with. Undefined: no copy was taken. */
  readonly copy: Row | null | undefined;
  readonly holder: number;
  readonly expired: boolean;
  readonly nodes: readonly [Node, Node];
  readonly strays: readonly Request[];
  readonly issued: number;
  readonly left: Faults;
  /** The longest acknowledged lineage. */
  readonly acked: string;
  /** How much of it Postgres has held, or was promised to hold. */
  readonly kept: number;
  /** How much of `acked` a fault of Redis may have taken since the last claim. */
  readonly risk: number;
  /** The last epoch whose claim is finished, and what it loaded. */
  readonly done: number;
  readonly loaded: string;
  /** The lineage before the effect that was sent, with its intent. */
  readonly sent: string;
  /** The epoch whose effect is still on its way to the outside world, or 0. */
  readonly travels: number;
  readonly wrong: string;
}

export interface Faults {
  readonly crash: number;
  readonly freeze: number;
  readonly flush: number;
  readonly rollback: number;
  /** Replies that are lost, so that the request is sent again. */
  readonly resend: number;
  /** Requests that stay on their way after their sender gave them up. */
  readonly stray: number;
}

/** What may differ from the protocol. All absent: the protocol. */
export interface Deviations {
  readonly acknowledgesFirst?: boolean;
  readonly prefersRedis?: boolean;
  readonly comparesRevisionOnly?: boolean;
  readonly postgresIgnoresFence?: boolean;
  readonly postgresIgnoresBase?: boolean;
  /** No row changed is a refusal, also where the first try of the same update had changed it. */
  readonly postgresKnowsNoRetry?: boolean;
  /** The checkpoint carries the whole state and asks for nothing. */
  readonly checkpointOverwrites?: boolean;
  /** A commit is accepted where the hash is missing. */
  readonly deltaOnMissing?: boolean;
  readonly effectBeforeIntent?: boolean;
  readonly effectAfterRedis?: boolean;
  /** The next owner sends an effect whose outcome it does not find. */
  readonly sendsOpenIntents?: boolean;
  /** The effect reaches the outside world at any time after it was sent. */
  readonly effectTravels?: boolean;
  readonly durableAfterRedis?: boolean;
  /** On STALE Redis is replaced before Postgres; `acknowledgesReplaced`: and that is enough for `ack: redis`. */
  readonly redisReplacedFirst?: boolean;
  readonly acknowledgesReplaced?: boolean;
  readonly wakesWithoutLooking?: boolean;
  readonly redisFenceFirst?: boolean;
  readonly redisFenceNever?: boolean;
  /** A commit is FENCED by every other fence, not only by a higher one. */
  readonly lowerFenceIsFenced?: boolean;
  /** A node goes on past its deadline though its connection to Redis broke; with a hash of its own on its way. */
  readonly graceOnAnyRedis?: boolean;
  readonly graceWhenUnsure?: boolean;
  readonly graceWhileReplacing?: boolean;
  /** A replacement of Postgres chooses its revision there; an overwrite of Redis looks at the fence only. */
  readonly postgresReplaceUnguarded?: boolean;
  readonly redisOverwriteUnguarded?: boolean;
  /** I3 to the letter: also a commit that the next owner has loaded is not acknowledged any more. */
  readonly lateReplyIsWrong?: boolean;
  /** What the stores take is not looked at, only what comes of it. */
  readonly promisesOnly?: boolean;
}

export interface Rules extends Deviations {
  readonly ack: 'redis' | 'postgres';
  /** Whether a node may go on with ordinary commits after its own deadline (`ack: redis`). */
  readonly grace: boolean;
  readonly epochsMax: number;
  readonly commitsMax: number;
  /** Whether some commits are durable ones (start, stop), whether one is the intent of an effect. */
  readonly durable: boolean;
  readonly effect: boolean;
  readonly faults: Faults;
}

export const IDLE: Node = Object.freeze({
  phase: 'idle',
  frozen: false,
  late: 'no',
  epoch: 0,
  revision: 0,
  lineage: '',
  synced: 0,
  syncedLength: 0,
  pending: null,
  call: null,
  checkpoint: null,
  unsure: false,
  exposed: false,
  effect: 'none',
  row: null,
});

export function createState(rules: Rules): State {
  return {
    postgres: { fence: 0, epoch: 0, revision: 0, lineage: '' },
    redis: null,
    copy: undefined,
    holder: -1,
    expired: false,
    nodes: [IDLE, IDLE],
    strays: [],
    issued: 0,
    left: rules.faults,
    acked: '',
    kept: 0,
    risk: 0,
    done: 0,
    loaded: '',
    sent: '',
    travels: 0,
    wrong: '',
  };
}

/** Above zero where the version of `a` is the newer one. */
export function compareVersions(
  a: { readonly epoch: number; readonly revision: number },
  b: { readonly epoch: number; readonly revision: number },
): number {
  return a.epoch - b.epoch || a.revision - b.revision;
}

export function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

export function nodeOf(state: State, index: number): Node {
  return index === 0 ? state.nodes[0] : state.nodes[1];
}

export function withNode(state: State, index: number, node: Node): State {
  const [a, b] = state.nodes;
  return { ...state, nodes: index === 0 ? [node, b] : [a, node] };
}
