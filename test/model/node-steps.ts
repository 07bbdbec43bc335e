/** What a node does by itself, one step at a time: claim, tick, commit, acknowledge, send. */
import { abandon, acknowledge, finishClaim, giveUp, sendEffect } from './promises.ts';
import {
  compareVersions,
  IDLE,
  type Node,
  nodeOf,
  type Reply,
  type Request,
  type Row,
  type Rules,
  type State,
  withNode,
} from './state-protocol.ts';

/** Takes what one step leads to; `fault` where nothing that works would do it. */
export type Emit = (text: string, next: State, fault?: boolean) => void;

export function stepNode(state: State, index: number, rules: Rules, emit: Emit): void {
  const node = nodeOf(state, index);
  switch (node.phase) {
    case 'idle':
      if (state.holder === -1 || state.expired)
        emit('takes the lease', {
          ...withNode(state, index, { ...IDLE, phase: 'leased' }),
          holder: index,
          expired: false,
        });
      return;
    case 'leased':
    case 'fencing':
    case 'repairing':
      if (node.late !== 'no') return emit('stops: its deadline has passed', giveUp(state, index));
      return claim(state, index, node, rules, emit);
    case 'ticking':
      return own(state, index, node, rules, emit);
  }
}

function claim(state: State, index: number, node: Node, rules: Rules, emit: Emit): void {
  if (node.phase === 'leased') {
    if (rules.redisFenceFirst && node.row === null) return raiseFenceFirst(state, index, node, emit);
    if (state.holder !== index || state.expired)
      return emit('claims without the lease and is refused', giveUp(state, index));
    if (state.postgres.fence < rules.epochsMax) raiseInPostgres(state, index, node, rules, emit);
  } else if (node.phase === 'fencing') {
    raiseInRedis(state, index, node, rules, emit);
  } else {
    const reply = node.call?.reply;
    if (reply === 'ok') emit('has the older side repaired', finishClaim(state, index, rules));
    else if (reply) emit('is refused the repair', giveUp(state, index));
  }
}

/** A missing hash stays missing: nothing in Redis then says who owns the worker, until the repair does. */
function raiseInRedis(state: State, index: number, node: Node, rules: Rules, emit: Emit): void {
  const hash = state.redis;
  if (hash !== null && hash.fence > node.epoch) {
    if (state.postgres.fence > node.epoch) return emit('is fenced while it claims', giveUp(state, index));
    return emit('finds a fence in Redis that Postgres never gave', conflict(state, index));
  }
  const redis = hash === null || rules.redisFenceNever ? hash : { ...hash, fence: node.epoch };
  emit('raises the fence in Redis', choose({ ...state, redis }, index, node, redis, rules));
}

function raiseInPostgres(state: State, index: number, node: Node, rules: Rules, emit: Emit): void {
  const postgres = { ...state.postgres, fence: state.postgres.fence + 1 };
  const next = { ...state, postgres };
  if (!rules.redisFenceFirst) {
    const claimed: Node = { ...node, phase: 'fencing', epoch: postgres.fence, row: postgres };
    return emit('raises the fence in Postgres', withNode(next, index, claimed));
  }
  if (postgres.fence !== node.epoch) return emit('finds its number taken', giveUp(state, index));
  const hash = node.row?.revision === -1 ? null : node.row;
  const claimed: Node = { ...node, row: postgres };
  emit('raises the fence in Postgres', choose(withNode(next, index, claimed), index, claimed, hash, rules));
}

/** The other order: the number is only read in Postgres, Redis gets it, and Postgres is raised to it after that. */
function raiseFenceFirst(state: State, index: number, node: Node, emit: Emit): void {
  const epoch = state.postgres.fence + 1;
  const hash = state.redis;
  if (hash !== null && hash.fence > epoch) return emit('is fenced while it claims', giveUp(state, index));
  const redis = hash === null ? null : { ...hash, fence: epoch };
  const row = redis ?? { fence: 0, epoch: 0, revision: -1, lineage: '' };
  emit('raises the fence in Redis', withNode({ ...state, redis }, index, { ...node, epoch, row }));
}

/** The higher version wins; the older side is brought up to it before the first tick. */
function choose(state: State, index: number, node: Node, hash: Row | null, rules: Rules): State {
  const row = node.row;
  if (row === null) return state;
  const order =
    hash === null ? -1 : rules.comparesRevisionOnly ? hash.revision - row.revision : compareVersions(hash, row);
  const best = hash !== null && (order > 0 || rules.prefersRedis) ? hash : row;
  if (order === 0 && hash?.lineage !== row.lineage) return conflict(state, index);
  const loaded: Node = {
    ...node,
    phase: 'repairing',
    revision: best.revision,
    lineage: best.lineage,
    synced: best.revision,
    syncedLength: best.lineage.length,
    row: null,
  };
  if (order === 0 || (rules.prefersRedis && order < 0 && hash !== null))
    return finishClaim(withNode(state, index, loaded), index, rules);
  const op = best === hash ? 'repair-postgres' : 'repair-redis';
  const { epoch: written, revision, lineage: content } = best;
  const request: Request = { op, epoch: node.epoch, base: 0, written, revision, content };
  return withNode(state, index, { ...loaded, call: { request, reply: null } });
}

function conflict(state: State, index: number): State {
  return {
    ...withNode(state, index, IDLE),
    wrong: state.wrong || 'I5: a conflict that no person made stops the worker',
  };
}

function own(state: State, index: number, node: Node, rules: Rules, emit: Emit): void {
  const { late, call, pending } = node;
  if (late !== 'no' && state.holder !== index) emit('learns that the lease is lost', giveUp(state, index));
  if (late === 'yes') {
    if (rules.ack === 'postgres') emit('stops: its deadline has passed', giveUp(state, index));
    return;
  }
  if (call === null && pending === null) begin(state, index, node, rules, emit);
  if (call?.reply && pending !== null) answer(state, index, node, call.request, call.reply, rules, emit);
  tend(state, index, node, rules, emit);
}

/** The next commit: what the last effect still needs comes first. */
function begin(state: State, index: number, node: Node, rules: Rules, emit: Emit): void {
  const settled = node.late === 'no';
  if (node.effect === 'send') {
    if (settled) emit('sends the effect', sendEffect(state, index, rules));
    return;
  }
  if (node.effect === 'settle') return emit('commits the outcome', send(state, index, node, 'a', false, rules));
  if (state.issued >= rules.commitsMax) return;
  const next = { ...state, issued: state.issued + 1 };
  const id = String(state.issued);
  emit(`commits ${id}`, send(next, index, node, id, false, rules));
  if (settled && rules.durable) emit(`commits ${id}, a durable one`, send(next, index, node, id, true, rules));
  if (settled && rules.effect && !state.sent && ![state.acked, state.loaded, node.lineage].some((l) => l.includes('A')))
    emit('commits A, an intent', send(next, index, node, 'A', true, rules));
}

function send(state: State, index: number, node: Node, id: string, durable: boolean, rules: Rules): State {
  const { epoch, revision } = node;
  const request: Request = {
    op: 'commit-redis',
    epoch,
    base: revision,
    written: epoch,
    revision: revision + 1,
    content: id,
  };
  let next = withNode(state, index, { ...node, pending: { id, durable }, call: { request, reply: null } });
  if (rules.acknowledgesFirst) next = acknowledge(next, index, node.lineage + id, durable, rules);
  if (rules.effectBeforeIntent && id === 'A') next = sendEffect(next, index, rules);
  return next;
}

/** The reply of a store to the pending commit. */
function answer(
  state: State,
  index: number,
  node: Node,
  request: Request,
  reply: Reply,
  rules: Rules,
  emit: Emit,
): void {
  const { pending, late } = node;
  if (pending === null) return;
  const lineage = node.lineage + pending.id;
  switch (reply) {
    case 'fenced':
      return emit('is fenced', giveUp(state, index));
    case 'stale': {
      if (late !== 'no' && !rules.acknowledgesReplaced)
        return emit('pauses: the state has to be replaced', withNode(state, index, { ...node, late: 'yes' }));
      if (request.op === 'replace-redis') return emit('is refused its state', giveUp(state, index));
      if (node.checkpoint !== null) return;
      const first = rules.redisReplacedFirst && request.op === 'commit-redis' ? 'replace-redis' : 'replace-postgres';
      return emit(`finds it stale and replaces ${first.slice(8)}`, replace(state, index, node, first, lineage));
    }
    case 'ok':
  }
  const whole = request.op === 'replace-postgres' || request.op === 'replace-redis';
  if (request.op === 'commit-redis' && (rules.ack === 'postgres' || (pending.durable && !rules.durableAfterRedis))) {
    if (late !== 'no' || node.checkpoint !== null) return;
    const content = lineage.slice(node.syncedLength);
    const next: Request = { ...request, op: 'commit-postgres', base: node.synced, content };
    let further = withNode(state, index, { ...node, call: { request: next, reply: null } });
    if (rules.effectAfterRedis && pending.id === 'A') further = sendEffect(further, index, rules);
    return emit('goes on to Postgres', further);
  }
  const second = rules.redisReplacedFirst ? 'replace-postgres' : 'replace-redis';
  if (whole && request.op !== second && !(rules.acknowledgesReplaced && rules.ack === 'redis' && !pending.durable)) {
    return emit(`goes on to replace ${second.slice(8)}`, replace(state, index, node, second, lineage));
  }
  if (late !== 'no' && (pending.durable || (whole && !rules.graceWhileReplacing && !rules.acknowledgesReplaced)))
    return emit('pauses: its deadline has passed', withNode(state, index, { ...node, late: 'yes' }));
  emit(`acknowledges ${lineage}`, complete(state, index, node, request, lineage, rules));
}

function complete(state: State, index: number, node: Node, request: Request, lineage: string, rules: Rules): State {
  const inPostgres = request.op === 'commit-postgres' || (request.op !== 'commit-redis' && !rules.acknowledgesReplaced);
  const durable = node.pending?.durable === true;
  const intent = node.pending?.id === 'A';
  const next: Node = {
    ...node,
    revision: request.revision,
    lineage,
    synced: inPostgres ? request.revision : node.synced,
    syncedLength: inPostgres ? lineage.length : node.syncedLength,
    pending: null,
    call: null,
    effect: intent ? (state.sent ? 'settle' : 'send') : 'none',
    exposed: false,
  };
  const known = withNode(acknowledge(state, index, lineage, durable, rules), index, next);
  // A durable commit that is no intent is a stop: the lease is free for the other node.
  return durable && !intent ? { ...abandon(known, index, IDLE), holder: -1, expired: false } : known;
}

function replace(state: State, index: number, node: Node, op: Request['op'], content: string): State {
  const { epoch } = node;
  const request: Request = { op, epoch, base: 0, written: epoch, revision: node.revision + 1, content };
  return withNode(state, index, { ...node, call: { request, reply: null } });
}

/** The checkpoint of `ack: redis`. One write of a worker at a time is on its way to Postgres. */
function tend(state: State, index: number, node: Node, rules: Rules, emit: Emit): void {
  const { epoch, revision, lineage, synced, syncedLength, call, checkpoint } = node;
  if (rules.ack === 'postgres') return;
  if (checkpoint?.reply === 'ok') {
    const known = {
      synced: checkpoint.request.revision,
      syncedLength: node.syncedLength + checkpoint.request.content.length,
    };
    emit('notes the checkpoint', withNode(state, index, { ...node, ...known, checkpoint: null }));
  } else if (checkpoint?.reply) {
    emit('is refused the checkpoint', giveUp(state, index));
  }
  if (checkpoint !== null || revision === synced || (call !== null && call.request.op !== 'commit-redis')) return;
  const content = rules.checkpointOverwrites ? lineage : lineage.slice(syncedLength);
  const request: Request = { op: 'checkpoint-postgres', epoch, base: synced, written: epoch, revision, content };
  emit('sends a checkpoint', withNode(state, index, { ...node, checkpoint: { request, reply: null } }));
}
