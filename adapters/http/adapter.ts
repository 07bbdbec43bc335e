/** `ctx.http`: requests to the public web. What is refused and why is in docs/http.md. */
import { MiB } from '../../src/core/limits.ts';
import type { HttpOptions } from '../../src/runtime.ts';
import type { Adapter, CallContext, Capability } from '../adapter.ts';
import { WorkspaceAgents } from './agents.ts';
import { ByteBudget } from './body.ts';
import { type ClientParts, sendRequest } from './client.ts';
import { createConnector, createWorkerSecureContext } from './connector.ts';
import { Gate } from './gate.ts';
import { createEgressGuard } from './guard.ts';
import { createLookup, type Lookup, lookupListed } from './resolver.ts';
import { type FetchInput, fetchInput, getInput, postInput } from './schema.ts';

/** What a test or an embedder may put in the place of the real thing. */
export interface HttpParts {
  /** Resolves every name, listed or not. */
  readonly lookup?: Lookup;
  /** Addresses of this machine. */
  readonly ownAddresses?: () => readonly string[];
  /** PEM certificates that are trusted besides Mozilla's. */
  readonly extraRoots?: readonly string[];
}

/** Opens nothing until the first request. `close` ends every connection. */
export function createHttpAdapter(options: HttpOptions = {}, parts: HttpParts = {}): Adapter {
  const guard = createEgressGuard(options.allowPrivate, parts.ownAddresses);
  const lookup = parts.lookup ?? createLookup();
  const secureContext = createWorkerSecureContext(parts.extraRoots);
  const client: ClientParts = {
    guard,
    gate: new Gate(options.concurrentPerWorker ?? 8),
    agents: new WorkspaceAgents((hooks) =>
      createConnector({ guard, lookup, lookupListed: parts.lookup ?? lookupListed, secureContext, ...hooks }),
    ),
    budget: new ByteBudget(),
    timeoutMs: options.timeoutMs ?? 30_000,
    responseBytesMax: options.responseBytesMax ?? 5 * MiB,
  };

  const get: Capability = {
    // Reading is the contract of get: it does not wait until the state written before it is stored.
    effect: false,
    // JavaScript: `get(url, {…})`.
    positional: 1,
    parameters: ['url', 'params', 'headers', 'timeout'],
    input: getInput,
    call: (input: FetchInput, context: CallContext) => sendRequest(client, { ...input, method: 'GET' }, context),
  };
  const post: Capability = {
    effect: true,
    positional: 1,
    parameters: ['url', 'json', 'data', 'rawBody', 'headers', 'timeout'],
    input: postInput,
    call: (input: FetchInput, context: CallContext) => sendRequest(client, { ...input, method: 'POST' }, context),
  };
  const fetch: Capability = {
    // It can carry any method, so it counts as an effect whatever the method is.
    effect: true,
    positional: 1,
    parameters: ['url', 'method', 'headers', 'json', 'rawBody', 'timeout'],
    input: fetchInput,
    call: (input: FetchInput, context: CallContext) => sendRequest(client, input, context),
  };
  return { name: 'http', capabilities: { get, post, fetch }, close: () => client.agents.close() };
}
