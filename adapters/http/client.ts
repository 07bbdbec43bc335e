/** Carries one request out, redirects included: guard, place, send, read, decode. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import type { CallContext } from '../adapter.ts';
import type { WorkspaceAgents } from './agents.ts';
import { type Answer, createAnswer, headerText } from './answer.ts';
import { type ByteBudget, decodeBody, readWire } from './body.ts';
import { type Deadline, startDeadline } from './deadline.ts';
import { describeFailure, type Failed, FetchFailure } from './failure.ts';
import { type Gate, workspaceOf } from './gate.ts';
import type { EgressGuard } from './guard.ts';
import { followRedirect, type Outgoing, prepareRequest, REDIRECTS_MAX } from './outgoing.ts';
import type { FetchInput } from './schema.ts';

/** Bytes of a redirect's own body that are read to keep its connection. */
const REDIRECT_BODY_BYTES_MAX = 16_384;
/** Interim answers (1xx) to one request; a server could send them for ever. */
const INTERIM_MAX = 8;

export interface ClientParts {
  readonly guard: EgressGuard;
  readonly gate: Gate;
  readonly agents: WorkspaceAgents;
  readonly budget: ByteBudget;
  readonly timeoutMs: number;
  readonly responseBytesMax: number;
}

type Received = Dispatcher.ResponseData;

/** Resolves with the answer or with what went wrong outside; throws BAD_ARGUMENT, EGRESS_DENIED and CALL_LIMIT. */
export async function sendRequest(
  parts: ClientParts,
  input: FetchInput,
  context: CallContext,
): Promise<Answer | Failed> {
  const request = prepareRequest(input);
  parts.guard.checkUrl(request.url);
  const asked = input.timeoutMs ?? (input.timeout == null ? parts.timeoutMs : input.timeout * 1_000);
  const deadline = startDeadline(Math.min(asked, parts.timeoutMs, context.remainingMs), context.signal);
  try {
    const leave = await parts.gate.enter(context.worker, deadline.signal);
    try {
      return await follow(parts, request, workspaceOf(context.worker), deadline);
    } finally {
      leave();
    }
  } catch (error) {
    // What breaks because of the deadline is reported as the deadline.
    return describeFailure(deadline.signal.aborted ? deadline.signal.reason : error);
  } finally {
    deadline.end();
  }
}

async function follow(parts: ClientParts, first: Outgoing, workspace: string, deadline: Deadline): Promise<Answer> {
  let request = first;
  for (let hops = 0; ; hops++) {
    const step = await exchange(parts, request, workspace, deadline);
    if (!('url' in step)) return step;
    if (hops === REDIRECTS_MAX) throw new FetchFailure('TOO_MANY_REDIRECTS', `more than ${REDIRECTS_MAX} redirects`);
    // SECURITY: every hop anew. Test: http-egress.test.ts "a redirect to a private address is refused".
    parts.guard.checkUrl(step.url);
    request = step;
  }
}

/** One request and its response: the answer, or the request that it redirects to. */
async function exchange(
  parts: ClientParts,
  request: Outgoing,
  workspace: string,
  deadline: Deadline,
): Promise<Answer | Outgoing> {
  // undici would connect first and look at the signal later.
  deadline.signal.throwIfAborted();
  const lease = parts.agents.lease(workspace, request.url.origin);
  let held = 0;
  const take = (bytes: number): void => {
    parts.budget.take(workspace, bytes);
    held += bytes;
  };
  try {
    const response = await dispatch(lease.dispatcher, request, deadline);
    try {
      const next = followRedirect(request, response.statusCode, headerText(response.headers, 'location'));
      if (next !== null) {
        await response.body.dump({ limit: REDIRECT_BODY_BYTES_MAX, signal: deadline.signal });
        return next;
      }
      const wire = await readWire(response.body, parts.responseBytesMax, take);
      // undici gives a connection free one turn after its answer ended; a worker's next request would open a second one.
      await nextTurn();
      const bytes = await decodeBody(wire, headerText(response.headers, 'content-encoding'), parts.responseBytesMax);
      return createAnswer(response.statusCode, response.headers, bytes);
    } finally {
      // A body that was not read to its end takes its connection with it.
      response.body.on('error', () => undefined).destroy();
    }
  } finally {
    parts.budget.give(workspace, held);
    lease.release();
  }
}

async function dispatch(dispatcher: Dispatcher, request: Outgoing, deadline: Deadline): Promise<Received> {
  try {
    return await sendOnce(dispatcher, request, deadline);
  } catch (error) {
    const safe = request.method === 'GET' || request.method === 'HEAD';
    if (deadline.signal.aborted || !safe || !diedIdle(error)) throw error;
    return await sendOnce(dispatcher, request, deadline);
  }
}

/** A server may close a kept connection in the moment it is used again: that has nothing to do with this request. */
function diedIdle(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return true;
  if (error.code !== 'UND_ERR_SOCKET' || !('socket' in error)) return false;
  const { socket } = error;
  return typeof socket === 'object' && socket !== null && 'bytesRead' in socket && Number(socket.bytesRead) > 0;
}

function sendOnce(dispatcher: Dispatcher, request: Outgoing, deadline: Deadline): Promise<Received> {
  const { signal } = deadline;
  let interim = 0;
  const sent = dispatcher.request({
    origin: request.url.origin,
    path: `${request.url.pathname}${request.url.search}`,
    method: request.method,
    headers: request.headers.flat(),
    body: request.body,
    signal,
    onInfo: () => {
      if (++interim > INTERIM_MAX) {
        deadline.fail(new FetchFailure('BAD_RESPONSE', `more than ${INTERIM_MAX} interim answers`));
      }
    },
  });
  // undici heeds the signal only once there is a connection; the deadline covers the time until then too.
  return new Promise((resolve, reject) => {
    const abandon = (): void => reject(signal.reason);
    signal.addEventListener('abort', abandon, { once: true });
    void sent.then(resolve, reject).finally(() => signal.removeEventListener('abort', abandon));
  });
}
