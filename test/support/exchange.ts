/**
 * An exchange on loopback that remembers every id for ever: a second order under one id is refused with the first one's result. It
 * counts what it did, and makes trouble as it is told. In this process by {@link startExchange}; as a process of its own it prints its
 * port and ends with its parent's pipe.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * What the next order meets: its connection is cut before or after the order is placed, a 500 before or after, its answer
 * is held back until {@link Exchange.release}, or its connection is cut at once and a proxy hands the order on {@link LATE_MS} later.
 */
export type Trouble = 'cut-before' | 'cut-after' | 'fail-before' | 'fail-after' | 'hold' | 'late';

const LATE_MS = 300;

export interface Placed {
  readonly orderId: number;
  readonly symbol: string;
  readonly quantity: number;
}

interface Asked {
  readonly id: string;
  readonly symbol: string;
  readonly quantity: number;
  /** Unix ms; refused when it comes later (Bybit's `recv_window`). */
  readonly notAfter?: number | null;
}

export interface Exchange {
  readonly url: string;
  /** For the next orders, in turn. */
  readonly troubles: (Trouble | 'none')[];
  /** Cuts every connection, whatever it is for. */
  away: boolean;
  /** Cannot say now what became of an id. */
  mute: boolean;
  /** Id → how many orders it led to: never more than one. */
  readonly orders: ReadonlyMap<string, number>;
  /** Id → how often an order with it was sent. */
  readonly sent: ReadonlyMap<string, number>;
  /** How often it was asked what became of an id. */
  readonly asked: number;
  readonly cancelled: readonly number[];
  /** Called when an order has come, before anything is done with it. */
  onOrder: (id: string) => Promise<void> | void;
  /** Answers what is held. */
  release(): void;
  close(): Promise<void>;
}

export async function startExchange(): Promise<Exchange> {
  const placed = new Map<string, Placed>();
  const orders = new Map<string, number>();
  const sent = new Map<string, number>();
  const cancelled: number[] = [];
  const held: (() => void)[] = [];
  const sockets = new Set<Socket>();
  let asked = 0;

  async function order(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { id, symbol, quantity, notAfter } = (await bodyOf(request)) as Asked;
    await exchange.onOrder(id);
    sent.set(id, (sent.get(id) ?? 0) + 1);
    const trouble = exchange.troubles.shift() ?? 'none';
    if (trouble === 'cut-before') return cut(response);
    if (trouble === 'fail-before') return answer(response, 500, {});
    if (trouble === 'late') {
      cut(response);
      await new Promise((resolve) => setTimeout(resolve, LATE_MS));
    }
    const before = placed.get(id);
    if (before !== undefined) return answer(response, 409, before);
    // What was sent and came late: whoever asked about it meanwhile was told that it is not there.
    if (Date.now() > (notAfter ?? Number.POSITIVE_INFINITY)) return answer(response, 410, {});
    if (quantity < 0) return answer(response, 422, { error: 'a quantity is positive' });
    const result = { orderId: placed.size + 1, symbol, quantity };
    placed.set(id, result);
    orders.set(id, (orders.get(id) ?? 0) + 1);
    if (trouble === 'cut-after') return cut(response);
    if (trouble === 'fail-after') return answer(response, 500, {});
    if (trouble === 'hold') held.push(() => answer(response, 200, result));
    else answer(response, 200, result);
  }

  const server = createServer((request, response) => {
    if (exchange.away) return cut(response);
    const [, , id = ''] = (request.url ?? '').split('/');
    switch (request.method) {
      case 'POST':
        return void order(request, response);
      case 'DELETE':
        cancelled.push(Number(id));
        return answer(response, 200, { cancelled: Number(id) });
      default: {
        if (id === '') return answer(response, 200, [...placed.values()]);
        asked += 1;
        if (exchange.mute) return answer(response, 503, {});
        const found = placed.get(id);
        return found === undefined ? answer(response, 404, {}) : answer(response, 200, found);
      }
    }
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const exchange: Exchange = {
    url: `http://127.0.0.1:${address.port}`,
    troubles: [],
    away: false,
    mute: false,
    orders,
    sent,
    get asked() {
      return asked;
    },
    cancelled,
    onOrder: () => undefined,
    release() {
      for (const go of held.splice(0)) go();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return exchange;
}

function cut(response: ServerResponse): void {
  response.socket?.destroy();
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  return JSON.parse(text);
}

if (import.meta.main) {
  const { url } = await startExchange();
  process.stdout.write(`${url}\n`);
  process.stdin.resume().once('end', () => process.exit(0));
}
