/** Breadth first over all states, so the first state that is wrong has one of the shortest traces. */
import { createKeys } from './state-key.ts';
import { createState, type Row, type Rules, type State } from './state-protocol.ts';
import { stepState } from './world-steps.ts';

export interface Verdict {
  /** Null: every state that can be reached keeps every invariant. */
  readonly wrong: string | null;
  readonly states: number;
  /** The steps to the state that is wrong. */
  readonly trace: readonly string[];
}

const STATES_MAX = 1_500_000;

export function explore(rules: Rules): Verdict {
  const keyOf = createKeys();
  const first = createState(rules);
  const seen = new Map<string, number>([[keyOf(first), 0]]);
  const parents = [-1];
  /** Pairs: from, to; only of steps that need no fault. */
  const edges: number[] = [];
  const goals: number[] = [];
  const found: { index: number; wrong: string }[] = [];
  let level: { index: number; state: State }[] = [{ index: 0, state: first }];
  while (level.length > 0 && found.length === 0) {
    const next: typeof level = [];
    for (const { index, state } of level) {
      if (isTicking(state, rules)) goals.push(index);
      stepState(state, rules, (_text, to, fault) => {
        const key = to.wrong === '' ? keyOf(to) : '';
        let known = seen.get(key);
        if (known === undefined) {
          known = parents.push(index) - 1;
          if (to.wrong !== '') found.push({ index: known, wrong: to.wrong });
          else {
            seen.set(key, known);
            next.push({ index: known, state: to });
          }
        }
        if (!fault) edges.push(index, known);
      });
      if (found.length > 0) break;
    }
    level = next;
    if (parents.length > STATES_MAX) throw new Error(`more than ${STATES_MAX} states: the bounds are too wide`);
  }
  const states = parents.length;
  let [bad] = found;
  if (bad === undefined) {
    const index = findTrap(states, edges, goals);
    if (index < 0) return { wrong: null, states, trace: [] };
    bad = { index, wrong: 'I5: without another fault no node ticks again' };
  }
  return { wrong: bad.wrong, states, trace: retrace(rules, bad, parents, (state) => seen.get(keyOf(state))) };
}

/** Some node ticks with its lease and nothing open; or only the bound on epochs stands in its way. */
function isTicking(state: State, rules: Rules): boolean {
  return state.nodes.some(
    ({ phase, frozen, late, call, effect }) =>
      !frozen &&
      late === 'no' &&
      ((phase === 'ticking' && call === null && effect === 'none') ||
        (phase === 'leased' && state.postgres.fence >= rules.epochsMax)),
  );
}

/** The first state from which no goal can be reached, or -1. */
function findTrap(states: number, edges: readonly number[], goals: readonly number[]): number {
  const pairs = Int32Array.from(edges);
  const at = (list: Int32Array, index: number): number => list[index] ?? 0;
  // The edges backwards, sorted by where they lead: those to n stand from starts[n] to starts[n + 1].
  const starts = new Int32Array(states + 2);
  for (let i = 1; i < pairs.length; i += 2) starts[at(pairs, i) + 2] = at(starts, at(pairs, i) + 2) + 1;
  for (let i = 2; i < starts.length; i++) starts[i] = at(starts, i) + at(starts, i - 1);
  const sources = new Int32Array(pairs.length / 2);
  for (let i = 0; i < pairs.length; i += 2) {
    const to = at(pairs, i + 1) + 1;
    const place = at(starts, to);
    sources[place] = at(pairs, i);
    starts[to] = place + 1;
  }
  const good = new Uint8Array(states);
  const stack = [...goals];
  for (let n = stack.pop(); n !== undefined; n = stack.pop()) {
    if (good[n] === 1) continue;
    good[n] = 1;
    for (let i = at(starts, n); i < at(starts, n + 1); i++) stack.push(at(sources, i));
  }
  return good.indexOf(0);
}

/** Walks the path once more from the start, because only its numbers were kept. */
function retrace(
  rules: Rules,
  last: { readonly index: number; readonly wrong: string },
  parents: readonly number[],
  numberOf: (state: State) => number | undefined,
): string[] {
  const path: number[] = [];
  for (let n = last.index; n > 0; n = parents[n] ?? 0) path.unshift(n);
  const trace: string[] = [];
  let state = createState(rules);
  for (const n of path) {
    let step: { text: string; to: State } | undefined;
    stepState(state, rules, (text, to) => {
      const same = to.wrong === '' ? numberOf(to) === n : n === last.index && to.wrong === last.wrong;
      if (same) step ??= { text, to };
    });
    const taken = step as { text: string; to: State } | undefined;
    if (taken === undefined) throw new Error('the trace cannot be walked again');
    state = taken.to;
    trace.push(
      `${taken.text.replace(" 's", "'s").padEnd(58)} Postgres ${show(state.postgres)}, Redis ${show(state.redis)}`,
    );
  }
  return [...trace, last.wrong];
}

function show(row: Row | null): string {
  return row === null ? 'empty' : `fence ${row.fence} (${row.epoch}, ${row.revision}) [${row.lineage}]`;
}
