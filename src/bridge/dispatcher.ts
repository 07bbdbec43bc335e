/**
 * The one door between a worker and the outside: message → schema → grant → quota → commit rule → adapter → reply. What a
 * worker may call is exactly the table made here; everything else is refused by name.
 */
import type { Adapter, CallContext, Capability, Resolution } from '../../adapters/adapter.ts';
import { notConnectedMessage, unconnectedAdapters } from '../../adapters/index.ts';
import type { CapabilityInfo } from '../../sandbox/protocol.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import { RuntimeError } from '../core/errors.ts';
import { CALL_JSON_BYTES_MAX } from '../core/limits.ts';
import { plainIssue } from '../core/option-schema.ts';

export interface DispatchedCall extends CallContext {
  /** `adapter.method` as the guest asked for it. */
  readonly name: string;
  readonly argsJson: string;
  /** Resolves when everything that the worker wrote before the call is stored. */
  readonly afterCommit: () => Promise<void>;
  /** Stores the intent of a durable call, sends it, stores its outcome; resolves with the result as JSON. */
  readonly durably: (request: DurableRequest) => Promise<string>;
}

/** A durable call that may be made. */
export interface DurableRequest {
  readonly adapter: string;
  readonly method: string;
  /** The parsed input as canonical JSON. */
  readonly request: string;
  /** Enters the adapter, once; resolves with the result as JSON. */
  readonly send: (intentId: string, notAfter: number) => Promise<string>;
}

/** A durable call of which nobody knows what became of it. */
export interface PendingRequest {
  readonly id: string;
  readonly adapter: string;
  readonly method: string;
  readonly request: string;
  readonly tick: number;
  readonly at: number;
  readonly notAfter?: number | undefined;
}

/** The same as {@link Resolution}, with the result as JSON. */
export type ResolvedRequest =
  | { readonly kind: 'done'; readonly json: string }
  | Exclude<Resolution, { readonly kind: 'done' }>;

export class Dispatcher {
  readonly capabilities: readonly CapabilityInfo[];
  /** Adapter name → the sentence that a worker gets which uses it all the same. */
  readonly unconnected: Readonly<Record<string, string>>;
  readonly connected: Readonly<Record<string, unknown>>;
  readonly #table = new Map<string, Capability>();
  readonly #adapters: readonly Adapter[];

  constructor(adapters: readonly Adapter[]) {
    this.#adapters = adapters;
    const infos: CapabilityInfo[] = [];
    for (const adapter of adapters)
      for (const [method, capability] of Object.entries(adapter.capabilities)) {
        const name = `${adapter.name}.${method}`;
        if (this.#table.has(name))
          throw new RuntimeError('CONFIG_INVALID', `Two adapters offer ${name}; rename one of them.`);
        this.#table.set(name, capability);
        const { parameters, positional, durable } = capability;
        infos.push({
          adapter: adapter.name,
          method,
          parameters,
          ...(positional === undefined ? {} : { positional }),
          ...(durable === true ? { durable } : {}),
        });
      }
    this.capabilities = infos;
    const names = new Set(adapters.map((adapter) => adapter.name));
    this.connected = Object.fromEntries(
      [...names].filter((name) => name !== 'http').map((name) => [name, { type: name }]),
    );
    this.unconnected = unconnectedAdapters(adapters);
  }

  /** The result as JSON text. @throws RuntimeError with a code and a message meant for the worker */
  async call(call: DispatchedCall): Promise<string> {
    const capability = this.#table.get(call.name);
    if (capability === undefined) throw new RuntimeError('NOT_CONNECTED', `ctx.${call.name} does not exist.`);
    if (call.argsJson.length > CALL_JSON_BYTES_MAX)
      throw new RuntimeError(
        'OUTPUT_LIMIT',
        `The arguments of ctx.${call.name} are larger than ${CALL_JSON_BYTES_MAX} bytes.`,
      );
    const input = capability.input.safeParse(parseArgs(call.argsJson), { error: plainIssue });
    if (!input.success) {
      const issue = input.error.issues[0];
      const where = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`;
      throw new RuntimeError('BAD_ARGUMENT', `ctx.${call.name}${where}: ${issue?.message ?? 'bad arguments'}`);
    }
    if (capability.durable === true) {
      const [adapter = '', method = ''] = call.name.split('.');
      const send = (intentId: string, notAfter: number): Promise<string> =>
        enter(capability, input.data, { ...call, intentId, notAfter });
      return call.durably({ adapter, method, request: canonicalJson(input.data), send });
    }
    if (capability.effect) await call.afterCommit();
    if (call.signal.aborted) throw new RuntimeError('STOPPED', 'The call came after the end of its tick.');
    return enter(capability, input.data, call);
  }

  /** What became of a durable call. Rejects with what the adapter throws, which says nothing about it. */
  async resolve(
    worker: string,
    { adapter, method, id, request, tick, at, notAfter = at }: PendingRequest,
    limit: { readonly signal: AbortSignal; readonly remainingMs: number },
  ): Promise<ResolvedRequest> {
    const capability = this.#table.get(`${adapter}.${method}`);
    if (capability?.durable !== true)
      return {
        kind: 'unknown',
        reason: this.#adapters.some(({ name }) => name === adapter)
          ? `ctx.${adapter} has no durable ${method} any more`
          : notConnectedMessage(adapter),
      };
    const intent = { id, method, request: JSON.parse(request) as unknown, tick, at, notAfter };
    const { signal, remainingMs } = limit;
    const resolution = (await capability.resolve(intent, { worker, signal, remainingMs })) as Resolution | undefined;
    switch (resolution?.kind) {
      case 'done':
        return { kind: 'done', json: JSON.stringify(resolution.result ?? null) };
      case 'absent':
        return { kind: 'absent' };
      case 'unknown':
        return { kind: 'unknown', reason: `${resolution.reason}` };
      default:
        return { kind: 'unknown', reason: `the adapter answered what is no resolution` };
    }
  }

  /** For names of adapters that a worker has had to do with: the sentence of each that is not there. */
  unconnectedOf(names: Iterable<string>): Readonly<Record<string, string>> {
    const there = new Set(this.#adapters.map(({ name }) => name));
    const missing = [...new Set(names)].filter((name) => !there.has(name) && !Object.hasOwn(this.unconnected, name));
    if (missing.length === 0) return this.unconnected;
    return { ...this.unconnected, ...Object.fromEntries(missing.map((name) => [name, notConnectedMessage(name)])) };
  }

  async close(): Promise<void> {
    for (const adapter of this.#adapters) await adapter.close?.();
  }
}

async function enter(capability: Capability, input: unknown, call: DispatchedCall): Promise<string> {
  const result = JSON.stringify((await capability.call(input as never, call)) ?? null);
  if (result.length <= CALL_JSON_BYTES_MAX) return result;
  throw new RuntimeError('OUTPUT_LIMIT', `The result of ctx.${call.name} is larger than ${CALL_JSON_BYTES_MAX} bytes.`);
}

function parseArgs(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new RuntimeError('BAD_ARGUMENT', 'The arguments of a call are not JSON.');
  }
}
