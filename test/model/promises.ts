/** The invariants, checked where a promise is made (acknowledge, send) or has to be kept (the end of a claim, a node that gives up). */

import {
  commonLength,
  IDLE,
  type Node,
  nodeOf,
  type Request,
  type Rules,
  type State,
  withNode,
} from './state-protocol.ts';
import { keep } from './stores.ts';

/** Somebody outside learns that `lineage` is stored. */
export function acknowledge(state: State, index: number, lineage: string, durable: boolean, rules: Rules): State {
  const { epoch, exposed } = nodeOf(state, index);
  const { acked, done, loaded } = state;
  let wrong = state.wrong;
  if (epoch < done) {
    const harmless = rules.ack === 'redis' && rules.grace && !rules.lateReplyIsWrong;
    const gone = exposed && !durable;
    if (!harmless || !(loaded.startsWith(lineage) || gone))
      wrong = `I3: epoch ${epoch} acknowledges ${lineage} after epoch ${done} had loaded ${loaded || 'nothing'}`;
    return { ...state, wrong };
  }
  if (!lineage.startsWith(acked)) wrong = `I2: ${lineage} is acknowledged after ${acked}`;
  const promised = durable || rules.ack === 'postgres' ? lineage.length : state.kept;
  return keep({ ...state, acked: lineage, kept: Math.max(promised, state.kept), wrong });
}

/** The owner has loaded: everything that was promised has to be there. */
export function finishClaim(state: State, index: number, rules: Rules): State {
  const node = nodeOf(state, index);
  const { acked, kept, risk, sent } = state;
  const { lineage } = node;
  let wrong = state.wrong;
  if (!lineage.startsWith(acked)) {
    const common = commonLength(lineage, acked);
    const allowed = rules.ack === 'redis' && acked.length <= risk && common >= kept;
    if (!allowed) wrong = `I1: ${acked} was acknowledged, ${lineage || 'nothing'} is loaded`;
  }
  if (new Set(lineage).size < lineage.length) wrong = `I2: ${lineage} is loaded, with an old change over a newer one`;
  if (!lineage.startsWith(sent)) wrong = `I4: the effect of ${sent} was sent, ${lineage || 'nothing'} is loaded`;
  const open = lineage.includes('A') && !lineage.includes('a');
  const next: Node = {
    ...node,
    phase: 'ticking',
    call: null,
    row: null,
    effect: open ? (rules.sendsOpenIntents ? 'send' : 'settle') : 'none',
  };
  const known = acked.slice(0, commonLength(lineage, acked));
  return keep({ ...withNode(state, index, next), acked: known, risk: 0, done: node.epoch, loaded: lineage, wrong });
}

/** One step with the look at the deadline. The outside world remembers the id. */
export function sendEffect(state: State, index: number, rules: Rules): State {
  const node = nodeOf(state, index);
  const before = node.pending === null ? node.lineage : node.lineage + node.pending.id;
  let wrong = state.wrong;
  if (state.sent) wrong = `I4: the effect of ${state.sent} is sent again`;
  else if (node.epoch < state.done) wrong = `I4: epoch ${node.epoch} sends after epoch ${state.done} had loaded`;
  const effect = rules.effectBeforeIntent && node.pending !== null ? 'none' : 'settle';
  return {
    ...withNode(state, index, { ...node, effect }),
    sent: before,
    travels: rules.effectTravels ? node.epoch : 0,
    wrong,
  };
}

/** Fenced, or its lease is lost: the node forgets the worker. Its requests may still arrive. */
export function giveUp(state: State, index: number): State {
  const node = nodeOf(state, index);
  const rightful =
    state.holder === index && !state.expired && node.late === 'no' && state.postgres.fence === node.epoch;
  const holds = node.phase === 'ticking' && node.lineage.startsWith(state.acked) && state.acked.length > state.kept;
  const next = abandon(state, index, IDLE);
  return rightful && holds
    ? { ...next, wrong: `I1: the rightful owner gives up ${state.acked}, which only it may hold` }
    : next;
}

/** What the node had sent and no store has executed yet stays on its way, as far as the bound on strays allows. */
export function abandon(state: State, index: number, node: Node): State {
  const { call, checkpoint } = nodeOf(state, index);
  let next = withNode(state, index, node);
  for (const open of [call, checkpoint])
    if (open !== null && open.reply === null && next.left.stray > 0) next = stray(next, open.request);
  return next;
}

export function stray(state: State, request: Request): State {
  return { ...state, strays: [...state.strays, request], left: { ...state.left, stray: state.left.stray - 1 } };
}
