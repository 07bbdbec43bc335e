/** An adapter towards exchange.ts, with a durable capability: `place` has an id that the exchange takes once, and `resolve` asks by it. */
import { request as startRequest } from 'node:http';
import { z } from 'zod';
import type { Adapter, CallContext, DurableIntent, Resolution, ResolveContext } from '../../adapters/adapter.ts';
import { RuntimeError } from '../../src/core/errors.ts';
import type { Placed } from './exchange.ts';

const orderInput = z.strictObject({
  symbol: z.string(),
  quantity: z.number().default(1),
  note: z.string().optional(),
});
const cancelInput = z.strictObject({ order: z.int() });
const ordersInput = z.strictObject({ symbol: z.string() });

export interface ExchangeAdapterOptions {
  /** Goes on with a call whose tick has ended. */
  readonly deaf?: boolean;
}

export function createExchangeAdapter(url: string, { deaf = false }: ExchangeAdapterOptions = {}): Adapter {
  const send = (method: string, path: string, signal: AbortSignal | undefined, body?: unknown): Promise<Answer> =>
    sendTo(`${url}${path}`, method, signal, body);
  return {
    name: 'exchange',
    capabilities: {
      place: {
        effect: true,
        durable: true,
        parameters: ['symbol', 'quantity', 'note'],
        input: orderInput,
        async call(input: z.output<typeof orderInput>, { intentId, notAfter, signal }: CallContext) {
          if (input.quantity === 0) throw new RuntimeError('BAD_ARGUMENT', 'An order over nothing is not sent.');
          const body = { id: intentId, symbol: input.symbol, quantity: input.quantity, notAfter };
          const answer = await send('POST', '/orders', deaf ? undefined : signal, body);
          // 409: it had this very order before, and says what became of it. 422: refused for good.
          if ([200, 409, 422].includes(answer.status)) return answer.body;
          if (answer.status === 410) return { error: 'the order came too late' };
          throw new RuntimeError('UPSTREAM_FAILED', `the exchange answered ${answer.status}`);
        },
        async resolve({ id }: DurableIntent, { signal }: ResolveContext): Promise<Resolution> {
          const { status, body } = await send('GET', `/orders/${id}`, signal);
          if (status === 200) return { kind: 'done', result: body };
          // This exchange places an order at once or never, and none after its `notAfter`.
          if (status === 404) return { kind: 'absent' };
          return { kind: 'unknown', reason: `the exchange answered ${status}` };
        },
      },
      cancel: {
        effect: true,
        parameters: ['order'],
        input: cancelInput,
        call: async ({ order }: z.output<typeof cancelInput>, { signal }: CallContext) =>
          (await send('DELETE', `/orders/${order}`, signal)).body,
      },
      orders: {
        effect: false,
        parameters: ['symbol'],
        input: ordersInput,
        async call({ symbol }: z.output<typeof ordersInput>, { signal }: CallContext) {
          const { body } = await send('GET', '/orders', signal);
          return (body as Placed[]).filter((order) => order.symbol === symbol);
        },
      },
    },
  };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A connection for each, closed behind it: a test looks at what is left. @throws RuntimeError UPSTREAM_FAILED */
function sendTo(url: string, method: string, signal: AbortSignal | undefined, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(new RuntimeError('UPSTREAM_FAILED', `no answer: ${error.message}`));
    const request = startRequest(url, { method, agent: false, ...(signal === undefined ? {} : { signal }) });
    request.on('error', failed);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('error', failed);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as unknown }));
    });
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
