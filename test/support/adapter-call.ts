/** Calls a capability the way the bridge does: arguments through the schema, then the call. */
import type { Adapter, CallContext } from '../../adapters/adapter.ts';

export function callContext(over: Partial<CallContext> = {}): CallContext {
  return {
    worker: 'default/tester',
    tick: 1,
    signal: new AbortController().signal,
    remainingMs: 10_000,
    intentId: null,
    notAfter: null,
    ...over,
  };
}

export async function callAdapter(
  adapter: Adapter,
  method: string,
  input: unknown,
  over: Partial<CallContext> = {},
): Promise<Record<string, unknown>> {
  const capability = adapter.capabilities[method];
  if (capability === undefined) throw new Error(`no method ${method}`);
  const result = await capability.call(capability.input.parse(input) as never, callContext(over));
  if (typeof result !== 'object' || result === null) throw new Error('not an object');
  return result as Record<string, unknown>;
}
