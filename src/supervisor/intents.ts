/**
 * The intents of a worker: what it was about to do in the outside world for good, stored in its head before it is sent. An intent
 * is `open` until its outcome is known: `done` or `absent`, or `unknown` while the adapter cannot tell. It leaves the head
 * with the commit of the first run that ended well and knew the outcome: by the reply to its call, or by the list that it was shown.
 * Here is the bookkeeping, as pure functions over the list.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { RuntimeError } from '../core/errors.ts';
import { INTENT_REQUEST_BYTES_MAX, INTENT_RESULT_BYTES_MAX, INTENTS_MAX } from '../core/limits.ts';

export const intentSchema = z.object({
  id: z.string(),
  adapter: z.string(),
  method: z.string(),
  tick: z.number().int().nonnegative(),
  fn: z.enum(['setup', 'tick', 'resume', 'on_error']),
  /** Unix ms, before it was sent. */
  at: z.number(),
  /** Unix ms after which the service does not act on it. */
  notAfter: z.number().optional(),
  /** Canonical JSON of the parsed input. */
  request: z.string(),
  status: z.enum(['open', 'done', 'absent', 'unknown']),
  /** JSON. */
  result: z.string().optional(),
  reason: z.string().optional(),
});

export type Intent = z.infer<typeof intentSchema>;

/** What became of one; the result as JSON. */
export type Outcome =
  | { readonly kind: 'done'; readonly json: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface IntentParts {
  readonly worker: string;
  /** Drawn at random whenever a worker is claimed. */
  readonly owner: string;
  readonly tick: number;
  readonly fn: Intent['fn'];
  /** Of this owner, counted from 1. */
  readonly run: number;
  /** Durable calls of the run, counted from 1 in the order in which they arrived. */
  readonly call: number;
  readonly adapter: string;
  readonly method: string;
  /** Canonical JSON. */
  readonly request: string;
}

const REASON_CHARS = 500;
const STILL_UNDER_WAY = 'the call is still under way';

/**
 * 32 characters of [0-9a-f]; a service takes two requests with one id for the same request.
 *
 * It can never be produced twice for two economic actions. Within one owner `run` and `call` count up and no pair of them comes
 * again: a `setup` that is tried again, or an `on_error`, has the tick number of a run before but another `run`. Two owners differ in
 * `owner`, 80 random bits: after a crash, after a store that was put back to an older state (where tick numbers and even epochs come
 * again) and for a namesake of a worker that was removed. Nobody has to compute an id a second time: it is stored before it is
 * used, and read from there.
 */
export function intentId(parts: IntentParts): string {
  const { worker, owner, tick, fn, run, call, adapter, method, request } = parts;
  const text = JSON.stringify([worker, owner, tick, fn, run, call, adapter, method, request]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/**
 * With one more. Where the list is full, the oldest of those whose reply the run in flight already has (`answered`) goes.
 * @throws RuntimeError BAD_ARGUMENT, CALL_LIMIT
 */
export function withIntent(
  intents: readonly Intent[],
  intent: Intent,
  answered: ReadonlySet<string>,
): readonly Intent[] {
  const name = `ctx.${intent.adapter}.${intent.method}`;
  if (Buffer.byteLength(intent.request) > INTENT_REQUEST_BYTES_MAX)
    throw new RuntimeError(
      'BAD_ARGUMENT',
      `The arguments of ${name} are larger than ${INTENT_REQUEST_BYTES_MAX} bytes, which is the limit of a durable call. Nothing was sent.`,
    );
  if (intents.length < INTENTS_MAX) return [...intents, intent];
  const oldest = intents.find(({ id }) => answered.has(id));
  if (oldest === undefined)
    throw new RuntimeError(
      'CALL_LIMIT',
      `${name} was not called: ${intents.length} durable calls of this worker are open, or their outcome was not seen by a tick that ended well. See ctx.${intent.adapter}.unresolved. Nothing was sent.`,
    );
  return [...intents.filter((one) => one !== oldest), intent];
}

export function withoutIntent(intents: readonly Intent[], id: string): readonly Intent[] {
  return intents.filter((intent) => intent.id !== id);
}

export const isPending = ({ status }: Intent): boolean => status === 'open' || status === 'unknown';

/** The outcome of one, unless it was known before. */
export function withOutcome(intents: readonly Intent[], id: string, outcome: Outcome): readonly Intent[] {
  return intents.map((intent) => (intent.id === id && isPending(intent) ? settled(intent, outcome) : intent));
}

/** What is too large to be kept is left out. */
function settled({ reason: _before, ...intent }: Intent, outcome: Outcome): Intent {
  switch (outcome.kind) {
    case 'absent':
      return { ...intent, status: 'absent' };
    case 'unknown':
      return { ...intent, status: 'unknown', reason: outcome.reason.slice(0, REASON_CHARS) };
    case 'done': {
      const bytes = Buffer.byteLength(outcome.json);
      if (bytes <= INTENT_RESULT_BYTES_MAX) return { ...intent, status: 'done', result: outcome.json };
      return { ...intent, status: 'done', reason: `its result is too large to be kept (${bytes} bytes)` };
    }
  }
}

export const NO_IDS: ReadonlySet<string> = new Set();

/** Ids that a run is shown as resolved. */
export function resolvedIds(intents: readonly Intent[]): ReadonlySet<string> {
  if (intents.length === 0) return NO_IDS;
  return new Set(intents.filter((intent) => !isPending(intent)).map(({ id }) => id));
}

/** Adapter → JSON of the list that a worker sees; null where there is nothing to see. */
export function shownIntents(intents: readonly Intent[]): Readonly<Record<string, string>> | null {
  if (intents.length === 0) return null;
  const shown = new Map<string, string[]>();
  for (const { adapter, status, result, reason, id, method, request, tick, at } of intents) {
    const list = shown.get(adapter) ?? [];
    const why = reason ?? (status === 'open' ? STILL_UNDER_WAY : undefined);
    const seen = status === 'open' ? 'unknown' : status;
    const plain = JSON.stringify({ id, method, tick, at, status: seen, reason: why });
    list.push(`${plain.slice(0, -1)},"request":${request}${result === undefined ? '' : `,"result":${result}`}}`);
    shown.set(adapter, list);
  }
  return Object.fromEntries([...shown].map(([adapter, list]) => [adapter, `[${list.join(',')}]`]));
}
