/**
 * The workers of the harness, and what must hold of the state of each at every commit. All of them count: `n` grows by one in
 * each tick, so that every acknowledged state has its place in one sequence.
 */
import type { WorkerOptions } from '../../../src/index.ts';

export interface HarnessWorker {
  readonly options: WorkerOptions;
  /** What is wrong with a state that was stored; null where nothing is. `get` parses the value. */
  readonly check: (get: (key: string) => unknown, text: (key: string) => string) => string | null;
}

const ACCOUNTS = 10;
const BALANCE = 100;

const COUNTER = `
export function tick(ctx) {
  const n = ctx.state.get('n', 0) + 1;
  ctx.state.update({ n, ids: [...ctx.state.get('ids', []), n].slice(-50) });
}`;

const PYTHON_COUNTER = `
def tick(ctx):
    n = ctx.state.get("n", 0) + 1
    ctx.state.update({"n": n, "ids": (ctx.state.get("ids", []) + [n])[-50:]})
`;

const SEQUENCE = `
export function tick(ctx) {
  const n = ctx.state.get('n', 0) + 1;
  // Written once: a copy that was begun anew lacks it for ever.
  if (n === 1) ctx.state.set('first', n);
  ctx.state.update({ n, left: n, right: n, ['k' + (n % 7)]: n });
}`;

const BANK = `
export function tick(ctx) {
  const n = ctx.state.get('n', 0) + 1;
  const from = 'a' + (n % ${ACCOUNTS});
  const to = 'a' + ((n * 7 + 3) % ${ACCOUNTS});
  const amount = n % 13;
  const had = ctx.state.get(from, ${BALANCE});
  if (from === to) ctx.state.update({ n });
  else ctx.state.update({ n, [from]: had - amount, [to]: ctx.state.get(to, ${BALANCE}) + amount });
}`;

/** Each order has a name of its own: one that is there twice was sent by a worker that did not know of the first. */
const ORDERS = `
export async function tick(ctx) {
  const n = ctx.state.get('n', 0) + 1;
  let next = ctx.state.get('next', 0);
  let open = false;
  for (const { status, request, result } of ctx.exchange.unresolved) {
    if (status === 'unknown') open = true;
    // Refused for good, as one that came too late is, is no order.
    if (status === 'done' && result.error === undefined && request.symbol.split('|')[1] === String(next)) next += 1;
  }
  ctx.state.update({ n, next });
  if (open || n % 3 !== 0) return;
  const answer = await ctx.exchange.place(ctx.params.name + '|' + next + '|' + n + '|' + ctx.params.generation, 1).catch(() => null);
  if (answer !== null && answer.error === undefined) ctx.state.set('next', next + 1);
}`;

const FAT = `
export function tick(ctx) {
  const n = ctx.state.get('n', 0) + 1;
  ctx.state.update({ n, fat: [n, 'x'.repeat(100 * 1024)] });
}`;

const FLUSHER = `
export async function tick(ctx) {
  const n = ctx.state.get('n', 0) + 1;
  ctx.state.set('half', n);
  await ctx.state.flush();
  ctx.state.set('n', n);
}`;

const counts = (get: (key: string) => unknown): number => Number(get('n') ?? 0);

const checkIds: HarnessWorker['check'] = (get) => {
  const ids = (get('ids') ?? []) as readonly number[];
  const n = counts(get);
  const first = n - ids.length + 1;
  const isWhole = ids.length === Math.min(n, 50) && ids.every((id, index) => id === first + index);
  return isWhole ? null : `ids do not end at n ${n}: ${JSON.stringify(ids.slice(-5))}`;
};

const checkSequence: HarnessWorker['check'] = (get) =>
  get('left') === get('right') &&
  Number(get('left') ?? 0) === counts(get) &&
  Number(get('first') ?? 0) === Math.min(counts(get), 1)
    ? null
    : `n ${counts(get)}, left ${get('left')}, right ${get('right')}, first ${get('first')}`;

const checkBank: HarnessWorker['check'] = (get) => {
  let sum = 0;
  for (let i = 0; i < ACCOUNTS; i++) sum += Number(get(`a${i}`) ?? BALANCE);
  return sum === ACCOUNTS * BALANCE ? null : `the accounts hold ${sum}`;
};

const checkFat: HarnessWorker['check'] = (get, text) =>
  counts(get) === 0 || text('fat').startsWith(`[${counts(get)},`)
    ? null
    : `n ${counts(get)}, and the value begins with ${text('fat').slice(0, 12)}`;

const checkFlusher: HarnessWorker['check'] = (get) => {
  const half = Number(get('half') ?? 0);
  return half === counts(get) || half === counts(get) + 1 ? null : `n ${counts(get)}, half ${half}`;
};

/** By `workspace/name`. */
export function harnessWorkers(python: boolean, generation: string): ReadonlyMap<string, HarnessWorker> {
  const none = (): null => null;
  const all: readonly (readonly [name: string, text: string, intervalMs: number, check: HarnessWorker['check']])[] = [
    ['counter', COUNTER, 50, checkIds],
    ['sequence', SEQUENCE, 60, checkSequence],
    ['bank', BANK, 70, checkBank],
    ['orders-1', ORDERS, 60, none],
    ['orders-2', ORDERS, 90, none],
    ['fat', FAT, 100, checkFat],
    ['flusher', FLUSHER, 80, checkFlusher],
    ...(python ? [['python', PYTHON_COUNTER, 100, checkIds] as const] : []),
  ];
  return new Map(
    all.map(([name, text, intervalMs, check]) => {
      const file = `${name}.${text === PYTHON_COUNTER ? 'py' : 'js'}`;
      const options: WorkerOptions = {
        name,
        schedule: { kind: 'interval', intervalMs },
        maxErrors: 1,
        params: { name, generation },
        source: { kind: 'files', entry: file, files: [{ path: file, text }] },
      };
      return [`default/${name}`, { options, check }];
    }),
  );
}
