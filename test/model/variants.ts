/** What is checked: the protocol under several sets of faults, what is harmless, and what must be found wrong. */
import type { Deviations, Faults, Rules } from './state-protocol.ts';

interface Bounds {
  readonly commits?: number;
  readonly durable?: boolean;
  readonly effect?: boolean;
  readonly grace?: boolean;
  readonly faults?: Partial<Faults>;
}

export interface Variant {
  readonly title: string;
  readonly rules: Rules;
  /** Of the shortest trace, and with which invariant it ends; absent where every state is right. */
  readonly steps?: number;
  readonly breaks?: string;
  readonly states: number;
}

const NO_FAULTS: Faults = { crash: 0, freeze: 0, flush: 0, rollback: 0, resend: 0, stray: 0 };

function rulesOf(ack: Rules['ack'], bounds: Bounds, deviations: Deviations = {}): Rules {
  const { commits = 2, durable = false, effect = false, grace = ack === 'redis', faults } = bounds;
  return {
    ack,
    grace,
    epochsMax: 3,
    commitsMax: commits,
    durable,
    effect,
    faults: { ...NO_FAULTS, ...faults },
    ...deviations,
  };
}

function holds(title: string, ack: Rules['ack'], bounds: Bounds, states: number, deviations?: Deviations): Variant {
  return { title, rules: rulesOf(ack, bounds, deviations), states };
}

function breaks(
  title: string,
  ack: Rules['ack'],
  bounds: Bounds,
  deviations: Deviations,
  [invariant, steps, states]: readonly [string, number, number],
): Variant {
  return { title, rules: rulesOf(ack, bounds, deviations), breaks: invariant, steps, states };
}

export const PROTOCOL: readonly Variant[] = [
  holds(
    'ack: postgres, four commits, Redis flushed',
    'postgres',
    { commits: 4, faults: { flush: 1, stray: 1 } },
    50_105,
  ),
  holds(
    'ack: postgres, Redis flushed and rolled back',
    'postgres',
    { faults: { flush: 1, rollback: 1, stray: 1 } },
    162_567,
  ),
  holds(
    'ack: postgres, an effect, a freeze, a request sent twice',
    'postgres',
    { effect: true, faults: { freeze: 1, resend: 1, stray: 1 } },
    91_463,
  ),
  holds(
    'ack: postgres, an effect, a crash, Redis flushed',
    'postgres',
    { effect: true, faults: { crash: 1, flush: 1 } },
    48_533,
  ),
  holds('ack: redis, an effect, a freeze', 'redis', { effect: true, faults: { freeze: 1 } }, 89_046),
  holds(
    'ack: redis, three commits, durable ones, a crash',
    'redis',
    { commits: 3, durable: true, faults: { crash: 1 } },
    124_244,
  ),
  holds('ack: redis, a crash, a request sent twice', 'redis', { faults: { crash: 1, resend: 1, stray: 1 } }, 89_682),
  holds('ack: redis, Redis flushed twice, a crash', 'redis', { faults: { crash: 1, flush: 2 } }, 114_265),
  holds(
    'ack: redis, one commit, Redis flushed, a request sent twice',
    'redis',
    { commits: 1, faults: { flush: 1, resend: 1, stray: 1 } },
    40_982,
  ),
  holds('ack: redis, Redis rolled back, a stray', 'redis', { faults: { rollback: 1, stray: 1 } }, 156_096),
  holds('ack: redis, an effect, Redis flushed', 'redis', { effect: true, faults: { flush: 1 } }, 130_988),
];

export const HARMLESS: readonly Variant[] = [
  holds(
    'the fence is raised in Redis before it is raised in Postgres',
    'redis',
    { faults: { flush: 1, stray: 1 } },
    74_419,
    { redisFenceFirst: true },
  ),
  holds(
    'on STALE Redis is replaced before Postgres, and both before the acknowledgement',
    'redis',
    { faults: { flush: 1, stray: 1 } },
    62_087,
    { redisReplacedFirst: true },
  ),
];

export const MUTANTS: readonly Variant[] = [
  breaks('a commit is acknowledged before it is stored', 'postgres', {}, { acknowledgesFirst: true }, ['I1', 11, 86]),
  breaks(
    'the loader prefers Redis where it has the worker',
    'postgres',
    { faults: { rollback: 1 } },
    { prefersRedis: true },
    ['I1', 17, 2_168],
  ),
  breaks(
    'the loader compares revisions without their epochs',
    'postgres',
    { faults: { rollback: 1 } },
    { comparesRevisionOnly: true },
    ['I5', 23, 9_175],
  ),
  breaks(
    'an update of Postgres looks at no fence',
    'redis',
    { grace: false, faults: { flush: 1 } },
    { postgresIgnoresFence: true, promisesOnly: true },
    ['I1', 18, 1_729],
  ),
  breaks(
    'an update of Postgres looks at no base revision',
    'redis',
    { grace: false, faults: { flush: 1, resend: 1, stray: 1 } },
    { postgresIgnoresBase: true, promisesOnly: true },
    ['I2', 25, 57_697],
  ),
  breaks(
    'an update of Postgres that is tried again counts as refused',
    'redis',
    { grace: false, faults: { resend: 1 } },
    { postgresKnowsNoRetry: true },
    ['I1', 16, 617],
  ),
  breaks(
    'a checkpoint overwrites whatever Postgres has',
    'redis',
    { grace: false, faults: { flush: 1, stray: 1 } },
    { checkpointOverwrites: true, promisesOnly: true },
    ['I1', 18, 2_870],
  ),
  breaks(
    'a missing hash takes the changes of one commit',
    'redis',
    { grace: false, faults: { flush: 1 } },
    { deltaOnMissing: true },
    ['I5', 19, 2_294],
  ),
  breaks(
    'a durable commit is acknowledged when only Redis has it',
    'redis',
    { durable: true, faults: { flush: 1 } },
    { durableAfterRedis: true },
    ['I1', 14, 1_222],
  ),
  breaks('an effect is sent before its intent is stored', 'postgres', { effect: true }, { effectBeforeIntent: true }, [
    'I4',
    11,
    119,
  ]),
  breaks(
    'an effect is sent when only Redis has its intent',
    'redis',
    { effect: true, faults: { flush: 1 } },
    { effectAfterRedis: true },
    ['I4', 16, 3_494],
  ),
  breaks(
    'the next owner sends an effect whose outcome it does not find',
    'postgres',
    { effect: true },
    { sendsOpenIntents: true },
    ['I4', 17, 597],
  ),
  breaks('an effect may arrive after the lease of its sender', 'postgres', { effect: true }, { effectTravels: true }, [
    'I4',
    17,
    623,
  ]),
  breaks(
    'on STALE Redis is replaced first, and that is acknowledged',
    'redis',
    { faults: { flush: 1 } },
    { redisReplacedFirst: true, acknowledgesReplaced: true },
    ['I3', 16, 1_870],
  ),
  breaks('the claim raises no fence in Redis', 'redis', {}, { redisFenceNever: true }, ['I3', 13, 291]),
  breaks(
    'a node that wakes does not look at its deadline',
    'redis',
    { commits: 1, faults: { rollback: 1, freeze: 1 } },
    { wakesWithoutLooking: true },
    ['I3', 16, 9_985],
  ),
  breaks(
    'a fence below its own makes an owner give up',
    'redis',
    { faults: { rollback: 1 } },
    { lowerFenceIsFenced: true },
    ['I1', 17, 6_575],
  ),
  breaks(
    'past its deadline a node goes on over a new connection to Redis',
    'redis',
    { commits: 1, faults: { rollback: 1 } },
    { graceOnAnyRedis: true },
    ['I3', 15, 1_661],
  ),
  breaks(
    'past its deadline a node goes on though it sent a hash twice',
    'redis',
    { commits: 1, faults: { flush: 1, resend: 1, stray: 1 } },
    { graceWhenUnsure: true },
    ['I3', 16, 6_398],
  ),
  breaks(
    'past its deadline a node goes on while it replaces the hash',
    'redis',
    { faults: { flush: 1 } },
    { graceWhileReplacing: true },
    ['I1', 23, 16_490],
  ),
  breaks(
    'a replacement lets Postgres choose its revision',
    'postgres',
    { faults: { flush: 1, resend: 1, stray: 1 } },
    { postgresReplaceUnguarded: true, promisesOnly: true },
    ['I1', 27, 53_912],
  ),
  breaks(
    'a hash is overwritten by an older one of the same epoch',
    'redis',
    { faults: { resend: 1, stray: 1 } },
    { redisOverwriteUnguarded: true },
    ['I1', 15, 2_515],
  ),
  breaks('no reply of an earlier epoch may be told, to the letter', 'redis', {}, { lateReplyIsWrong: true }, [
    'I3',
    15,
    546,
  ]),
];
