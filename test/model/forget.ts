/**
 * Fewer states without losing a behaviour: what can have no effect any more is forgotten at once. A request is dead where every
 * store it could still reach refuses it for ever; a node that can only stop, with no living request, has stopped.
 */
import { type Call, IDLE, type Node, type Request, type Rules, type State } from './state-protocol.ts';

export function forget(state: State, rules: Rules): State {
  if (state.wrong !== '') return state;
  const strays = state.strays.filter((request) => !isDead(state, request, rules));
  const [a, b] = state.nodes;
  const nodes: [Node, Node] = [isStopped(state, 0, a, rules) ? IDLE : a, isStopped(state, 1, b, rules) ? IDLE : b];
  return strays.length === state.strays.length && nodes[0] === a && nodes[1] === b
    ? state
    : { ...state, strays, nodes };
}

function isDead(state: State, request: Request, rules: Rules): boolean {
  const { epoch, op } = request;
  if (op.endsWith('postgres')) {
    // The fence of Postgres never goes back.
    return state.postgres.fence > epoch && !rules.postgresIgnoresFence && !rules.checkpointOverwrites;
  }
  const { redis, left } = state;
  return redis !== null && redis.fence > epoch && left.flush === 0 && left.rollback === 0;
}

function isStopped(state: State, index: number, node: Node, rules: Rules): boolean {
  if (node.phase === 'idle') return false;
  const lost = state.holder !== index;
  const late = node.frozen ? lost && !rules.wakesWithoutLooking : node.late === 'yes';
  if (!late || !(lost || node.phase !== 'ticking' || rules.ack === 'postgres')) return false;
  const lives = (call: Call | null) => call !== null && call.reply === null && !isDead(state, call.request, rules);
  return !lives(node.call) && !lives(node.checkpoint);
}
