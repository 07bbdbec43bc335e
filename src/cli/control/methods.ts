/**
 * What one process may ask of the node that runs in another: a table, and nothing beside it. The same table is used without a
 * connection where the command itself has opened the stores.
 */
import { z } from 'zod';
import { RuntimeError } from '../../core/errors.ts';
import { STATE_LIMITS } from '../../core/limits.ts';
import type { Runtime } from '../../runtime.ts';
import { packageVersion } from '../package.ts';
import { Refusals } from '../refusals.ts';
import { elsewhere, type Standby } from './elsewhere.ts';
import { nodeStatus } from './node-status.ts';

const name = z.string().min(1).max(200);
const key = z.string().max(1_024);
const json = z.string();
/** Of one list, before anything of it is looked at; the engine then counts what a state may have. */
const LIST_MAX = 10 * STATE_LIMITS.keysMax;
const TOO_MANY = `a state has at most ${STATE_LIMITS.keysMax} keys`;

/** What a node knows beside its engine. */
export interface NodeNotes {
  /** Of a node that does not have the workers; only the methods of {@link ON_STANDBY} get one. */
  readonly standby: Standby | null;
  readonly refusals: Refusals;
}

interface Method<Input extends z.ZodType, Result> {
  readonly input: Input;
  readonly run: (runtime: Runtime, input: z.infer<Input>, notes: NodeNotes) => Promise<Result>;
}

const method = <Input extends z.ZodType, Result>(
  input: Input,
  run: Method<Input, Result>['run'],
): Method<Input, Result> => ({ input, run });

export const METHODS = {
  hello: method(z.strictObject({}), async (_runtime, _input, { standby }) => ({
    version: packageVersion(),
    pid: process.pid,
    standby,
  })),
  status: method(z.strictObject({}), async (runtime, _input, notes) => nodeStatus(runtime, notes)),
  workers: method(z.strictObject({}), async (runtime) =>
    runtime.status().workers.map(({ workspace, name: own, state }) => ({ worker: `${workspace}/${own}`, state })),
  ),
  inspect: method(z.strictObject({ name }), (runtime, given) => runtime.inspectState(given.name)),
  export: method(z.strictObject({ name }), (runtime, given) => runtime.exportState(given.name)),
  write: method(
    z.strictObject({
      name,
      changes: z
        .array(z.union([z.strictObject({ key, json }), z.strictObject({ key, deleted: z.literal(true) })]))
        .max(LIST_MAX, TOO_MANY),
    }),
    (runtime, given) => runtime.writeState(given.name, given.changes),
  ),
  replace: method(
    z.strictObject({ name, entries: z.array(z.tuple([key, json])).max(LIST_MAX, TOO_MANY), create: z.boolean() }),
    async (runtime, { name: worker, entries, create }, { refusals }) => {
      const written = await runtime.replaceState(worker, entries, { create });
      refusals.settle(worker);
      return written;
    },
  ),
  copies: method(z.strictObject({ name }), (runtime, given) => runtime.stateCopies(given.name)),
  resolve: method(
    z.strictObject({ name, take: z.enum(['redis', 'postgres']), force: z.boolean() }),
    async (runtime, { name: worker, take, force }, { refusals }) => {
      const written = await runtime.resolveState(worker, take, { force });
      refusals.settle(worker);
      return written;
    },
  ),
  rename: method(z.strictObject({ name, newName: name }), async (runtime, given) => {
    await runtime.renameWorker(given.name, given.newName);
    return null;
  }),
} as const;

const ON_STANDBY: ReadonlySet<string> = new Set(['hello', 'status'] satisfies MethodName[]);

export type MethodName = keyof typeof METHODS;
export type InputOf<Name extends MethodName> = z.input<(typeof METHODS)[Name]['input']>;
export type ResultOf<Name extends MethodName> = Awaited<ReturnType<(typeof METHODS)[Name]['run']>>;

/** @throws RuntimeError BAD_ARGUMENT for what the table does not have, DATA_LOCKED of a node that stands by, and what the method itself rejects with */
export async function callMethod(
  runtime: Runtime,
  called: unknown,
  input: unknown,
  notes: NodeNotes = { standby: null, refusals: new Refusals() },
): Promise<unknown> {
  if (typeof called !== 'string' || !Object.hasOwn(METHODS, called))
    throw new RuntimeError('BAD_ARGUMENT', `There is no method ${JSON.stringify(String(called).slice(0, 100))}.`);
  const { input: schema, run } = METHODS[called as MethodName] as Method<z.ZodType, unknown>;
  const parsed = schema.safeParse(input);
  if (!parsed.success)
    throw new RuntimeError('BAD_ARGUMENT', `${called}: ${problemsOf(parsed.error).slice(0, 1_000)}.`);
  if (notes.standby !== null && !ON_STANDBY.has(called)) throw elsewhere(notes.standby);
  return run(runtime, parsed.data, notes);
}

function problemsOf({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`)).join('; ');
}
