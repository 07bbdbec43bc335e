/**
 * The one door between a worker and the outside: message → schema → grant → quota → commit rule → adapter → reply. What a
 * worker may call is exactly the table made here; everything else is refused by name.
 */
import type { Adapter, CallContext, Capability } from '../../adapters/adapter.ts';
import { unconnectedAdapters } from '../../adapters/index.ts';
import type { CapabilityInfo } from '../../sandbox/protocol.ts';
import { RuntimeError } from '../core/errors.ts';
import { CALL_JSON_BYTES_MAX } from '../core/limits.ts';
import { plainIssue } from '../core/option-schema.ts';

export interface DispatchedCall extends CallContext {
  /** `adapter.method` as the guest asked for it. */
  readonly name: string;
  readonly argsJson: string;
  /** Resolves when everything that the worker wrote before the call is stored. */
  readonly afterCommit: () => Promise<void>;
}

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
        const { parameters, positional } = capability;
        infos.push({ adapter: adapter.name, method, parameters, ...(positional === undefined ? {} : { positional }) });
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
    if (capability.effect) await call.afterCommit();
    if (call.signal.aborted) throw new RuntimeError('STOPPED', 'The call came after the end of its tick.');
    const result = JSON.stringify((await capability.call(input.data as never, call)) ?? null);
    if (result.length > CALL_JSON_BYTES_MAX)
      throw new RuntimeError(
        'OUTPUT_LIMIT',
        `The result of ctx.${call.name} is larger than ${CALL_JSON_BYTES_MAX} bytes.`,
      );
    return result;
  }

  async close(): Promise<void> {
    for (const adapter of this.#adapters) await adapter.close?.();
  }
}

function parseArgs(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new RuntimeError('BAD_ARGUMENT', 'The arguments of a call are not JSON.');
  }
}
