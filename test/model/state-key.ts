/** One short text per state. Nodes get numbers, because a step changes one of them at most and their texts are long. */
import type { Call, Node, Request, Row, State } from './state-protocol.ts';

/** The two nodes are interchangeable, so both orders of a state have the same key. */
export function createKeys(): (state: State) => string {
  const known = new WeakMap<Node, number>();
  const numbers = new Map<string, number>();
  const numberOf = (node: Node): number => {
    let number = known.get(node);
    if (number !== undefined) return number;
    const text = keyOfNode(node);
    number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    known.set(node, number);
    return number;
  };
  return (state) => {
    const [a, b] = [numberOf(state.nodes[0]), numberOf(state.nodes[1])];
    const swapped = b < a;
    const holder = state.holder < 0 ? '-' : swapped ? 1 - state.holder : state.holder;
    return `${swapped ? b : a}|${swapped ? a : b}|${holder}${state.expired ? 'x' : ''}${keyOfRest(state)}`;
  };
}

function keyOfRest(state: State): string {
  const { left, acked, kept, done, sent, travels } = state;
  const faults = `${left.crash}${left.freeze}${left.flush}${left.rollback}${left.resend}${left.stray}`;
  const copy = state.copy === undefined ? '?' : keyOfRow(state.copy);
  const strays = state.strays.length === 0 ? '' : state.strays.map(keyOfRequest).sort().join('&');
  // Only for an older owner that may acknowledge late; and what Postgres has cannot be at risk.
  const loaded = state.nodes.some((node) => node.phase === 'ticking' && node.epoch < done) ? state.loaded : '';
  const risk = state.risk > kept ? state.risk : 0;
  return `|${keyOfRow(state.postgres)}|${keyOfRow(state.redis)}|${copy}|${strays}|${state.issued}${faults}|${acked},${kept}${risk}${done}${travels}${loaded},${sent}`;
}

const OPS: Record<Request['op'], string> = {
  'commit-redis': 'c',
  'commit-postgres': 'C',
  'checkpoint-postgres': 'K',
  'replace-redis': 'w',
  'replace-postgres': 'W',
  'repair-redis': 'm',
  'repair-postgres': 'M',
};

function keyOfRow(row: Row | null): string {
  return row === null ? '-' : `${row.fence}.${row.epoch}.${row.revision}${row.lineage}`;
}

function keyOfRequest(request: Request): string {
  const { op, epoch, base, written, revision, content } = request;
  return `${OPS[op]}${epoch}.${base}.${written}.${revision}${content}`;
}

function keyOfCall(call: Call | null): string {
  return call === null ? '' : keyOfRequest(call.request) + (call.reply ?? '');
}

function keyOfNode(node: Node): string {
  if (node.phase === 'idle') return 'idle';
  const pending = node.pending === null ? '' : node.pending.id + (node.pending.durable ? '!' : '.');
  return `${node.phase}${node.frozen ? 'z' : ''}${node.unsure ? '?' : ''}${node.exposed ? 'e' : ''}${node.late}${node.epoch}.${node.revision}${node.lineage}.${node.synced}.${node.syncedLength},${pending},${keyOfCall(node.call)},${keyOfCall(node.checkpoint)},${node.effect},${keyOfRow(node.row)}`;
}
