/** What happens around the nodes: stores execute requests, time passes, things break. */

import { forget } from './forget.ts';
import { type Emit, stepNode } from './node-steps.ts';
import { abandon, stray } from './promises.ts';
import { type Call, type Faults, IDLE, type Node, nodeOf, type Rules, type State, withNode } from './state-protocol.ts';
import { executeRequest } from './stores.ts';

const NAMES = ['A', 'B'] as const;

export function stepState(state: State, rules: Rules, take: Emit): void {
  const emit: Emit = (text, next, fault) => take(text, forget(next, rules), fault);
  for (const [index, name] of NAMES.entries()) {
    const say: Emit = (text, next, fault) => emit(`${name} ${text}`, next, fault);
    const node = nodeOf(state, index);
    if (!node.frozen) stepNode(state, index, rules, say);
    executeCalls(state, index, node, rules, say);
    passTime(state, index, node, rules, say);
    breakNode(state, index, node, say);
  }
  for (const [at, request] of state.strays.entries()) {
    const { next } = executeRequest(state, request, rules);
    emit(`a stray ${request.op} of epoch ${request.epoch} arrives`, { ...next, strays: state.strays.toSpliced(at, 1) });
  }
  if (state.travels > 0) {
    const wrong = state.travels < state.done ? `I4: the effect arrives after epoch ${state.done} had asked for it` : '';
    emit('the effect arrives', { ...state, travels: 0, wrong });
  }
  expireLease(state, emit);
  breakRedis(state, rules, emit);
}

function executeCalls(state: State, index: number, node: Node, rules: Rules, say: Emit): void {
  for (const slot of ['call', 'checkpoint'] as const) {
    const call = node[slot];
    if (call === null) continue;
    const put = (from: State, changed: Call) => withNode(from, index, { ...node, [slot]: changed });
    if (call.reply === null) {
      const { next, reply } = executeRequest(state, call.request, rules);
      say(`'s ${call.request.op} is executed: ${reply}`, put(next, { ...call, reply }));
      if (state.left.resend > 0 && state.left.stray > 0) {
        const unsure = node.unsure || call.request.op === 'repair-redis' || call.request.op === 'replace-redis';
        const again = withNode(spend(state, 'resend'), index, { ...node, unsure });
        say(`sends ${call.request.op} again, the first is still on its way`, stray(again, call.request), true);
      }
    } else if (state.left.resend > 0) {
      const again = withNode(spend(state, 'resend'), index, {
        ...node,
        exposed: false,
        [slot]: { ...call, reply: null },
      });
      say(`sends ${call.request.op} again, the reply was lost`, again, true);
    }
  }
}

function passTime(state: State, index: number, node: Node, rules: Rules, say: Emit): void {
  if (node.phase === 'idle') return;
  const mine = state.holder === index;
  const put = (changed: Partial<Node>) => withNode(state, index, { ...node, ...changed });
  if (node.frozen) {
    if (rules.wakesWithoutLooking && node.phase === 'ticking') return say('wakes', put({ frozen: false }));
    if (mine && !state.expired) say('wakes in time', put({ frozen: false }));
    return say('wakes after its deadline', put({ frozen: false, late: 'yes' }));
  }
  if (node.late === 'no') {
    if (rules.grace && node.phase === 'ticking' && mayGoOn(node, rules))
      say('cannot reach Postgres and its deadline passes', put({ late: 'grace' }));
    say('has no time left', put({ late: 'yes' }));
  } else {
    if (node.late === 'grace') say('has no time left', put({ late: 'yes' }));
    if (mine && rules.ack === 'redis' && node.phase === 'ticking')
      say('renews the lease', { ...put({ late: 'no' }), expired: false });
  }
}

/** Only where nothing of its own can put an old hash with an old fence into a Redis that was flushed. */
function mayGoOn(node: Node, rules: Rules): boolean {
  const op = node.call?.request.op;
  const replacing = op === 'replace-redis' || op === 'replace-postgres';
  return (!node.unsure || rules.graceWhenUnsure === true) && (!replacing || rules.graceWhileReplacing === true);
}

function expireLease(state: State, emit: Emit): void {
  if (state.holder < 0 || state.expired) return;
  const holder = nodeOf(state, state.holder);
  if (holder.phase === 'idle' || holder.late !== 'no' || holder.frozen)
    emit('the lease expires', { ...state, expired: true });
}

function breakNode(state: State, index: number, node: Node, say: Emit): void {
  const { left } = state;
  if (node.phase === 'idle' || node.frozen) return;
  if (left.crash > 0) say('crashes', abandon(spend(state, 'crash'), index, IDLE), true);
  if (left.freeze > 0) say('freezes', withNode(spend(state, 'freeze'), index, { ...node, frozen: true }), true);
}

function spend(state: State, fault: keyof Faults): State {
  return { ...state, left: { ...state.left, [fault]: state.left[fault] - 1 } };
}

function breakRedis(state: State, rules: Rules, emit: Emit): void {
  if (state.left.flush > 0 && state.redis !== null)
    emit('Redis is flushed', { ...endanger(spend(state, 'flush')), redis: null }, true);
  if (state.left.rollback === 0) return;
  if (state.copy === undefined) emit('a copy of Redis is taken', { ...state, copy: state.redis }, true);
  else {
    let next: State = { ...endanger(spend(state, 'rollback')), redis: state.copy, copy: undefined };
    // Its connections broke: who has no lease to rely on goes on only after it has seen Postgres again.
    if (!rules.graceOnAnyRedis)
      for (const index of NAMES.keys()) {
        const node = nodeOf(next, index);
        if (node.late === 'grace') next = withNode(next, index, { ...node, late: 'yes' });
      }
    emit('Redis comes back with the copy', next, true);
  }
}

/** What is acknowledged, or executed and about to be, may be lost as far as Postgres does not have it. */
function endanger(state: State): State {
  let next: State = { ...state, risk: state.acked.length };
  for (const index of NAMES.keys()) {
    const node = nodeOf(state, index);
    if (node.call?.request.op !== 'commit-redis' || node.call.reply !== 'ok') continue;
    next = { ...withNode(next, index, { ...node, exposed: true }), risk: Math.max(next.risk, node.lineage.length + 1) };
  }
  return next;
}
