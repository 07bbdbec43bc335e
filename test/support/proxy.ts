/**
 * A TCP proxy on 127.0.0.1 that makes outages: it resets, swallows, delays or slows down what goes between a client and a real server.
 * What it holds is bounded: one that gives nothing on reads nothing either, and the sender sees a full window.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { poll } from './poll.ts';

/** Per connection and direction, while bytes wait for their delay. */
const WAITING_BYTES_MAX = 1_048_576;

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

export interface Proxy {
  readonly port: number;
  /** The same URL through the proxy. */
  rewrite(url: string): string;
  /** Client connections that are open now. */
  connections(): number;
  /** Resets all connections and refuses new ones. */
  cut(): Promise<void>;
  /** Accepts, and gives on nothing in either direction, not even an end; what came meanwhile is given on by `heal`. */
  blackHole(): void;
  /** Every byte arrives this much later, in both directions. */
  delay(ms: number): void;
  /** So many bytes a second at most, in each direction of each connection. */
  throttle(bytesPerSecond: number): void;
  /** Ends whatever outage there is. Connections that were cut stay so. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

/** What the lanes of all connections obey. */
class Weather {
  delayMs = 0;
  bytesPerSecond = Number.POSITIVE_INFINITY;
  #blocked: PromiseWithResolvers<void> | undefined;

  get isBlocked(): boolean {
    return this.#blocked !== undefined;
  }

  block(): void {
    this.#blocked ??= Promise.withResolvers();
  }

  clear(): void {
    this.#blocked?.resolve();
    this.#blocked = undefined;
  }

  async passable(): Promise<void> {
    while (this.#blocked !== undefined) await this.#blocked.promise;
  }
}

/** One direction of a connection. */
class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #weather: Weather;
  readonly #waiting: { readonly dueAt: number; readonly bytes: Buffer | 'end' }[] = [];
  #waitingBytes = 0;
  #pumping = false;

  constructor(from: Socket, to: Socket, weather: Weather) {
    this.#from = from;
    this.#to = to;
    this.#weather = weather;
    from.on('data', (bytes: Buffer) => this.#take(bytes, bytes.length));
    from.on('end', () => this.#take('end', 0));
    this.read();
  }

  /** Reads where it may, stops reading where it may not. */
  read(): void {
    if (this.#weather.isBlocked || this.#waitingBytes >= WAITING_BYTES_MAX) this.#from.pause();
    else this.#from.resume();
  }

  #take(bytes: Buffer | 'end', length: number): void {
    this.#waiting.push({ dueAt: performance.now() + this.#weather.delayMs, bytes });
    this.#waitingBytes += length;
    this.read();
    if (!this.#pumping) void this.#pump();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    for (let next = this.#waiting[0]; next !== undefined && !this.#to.destroyed; next = this.#waiting[0]) {
      const early = next.dueAt - performance.now();
      if (early > 0) await sleep(early, undefined, { ref: false });
      await this.#weather.passable();
      this.#waiting.shift();
      if (next.bytes === 'end') this.#to.end();
      else {
        // A socket that is destroyed while it is full closes, and never drains.
        if (!this.#to.write(next.bytes))
          await new Promise((resolve) => this.#to.once('drain', resolve).once('close', resolve));
        const { bytesPerSecond } = this.#weather;
        if (bytesPerSecond < Number.POSITIVE_INFINITY)
          await sleep((next.bytes.length / bytesPerSecond) * 1_000, undefined, { ref: false });
        this.#waitingBytes -= next.bytes.length;
        this.read();
      }
    }
    this.#pumping = false;
  }
}

interface Link {
  readonly sockets: readonly Socket[];
  readonly lanes: readonly Lane[];
}

export async function startProxy(target: ProxyTarget): Promise<Proxy> {
  const weather = new Weather();
  const links = new Map<Socket, Link>();
  let server: Server | undefined;

  async function accept(client: Socket): Promise<void> {
    const forget = (): void => {
      if (links.get(client)?.sockets.every((socket) => socket.closed)) links.delete(client);
    };
    client.setNoDelay(true);
    client.on('error', () => undefined).once('close', forget);
    links.set(client, { sockets: [client], lanes: [] });
    // In a black hole neither a refusal nor a reset comes through.
    await weather.passable();
    if (client.destroyed) return;
    const upstream = connect({ ...target, allowHalfOpen: true, noDelay: true });
    const passReset = async (to: Socket): Promise<void> => {
      await weather.passable();
      to.resetAndDestroy();
    };
    upstream.on('error', () => void passReset(client)).once('close', forget);
    client.on('error', () => void passReset(upstream));
    links.set(client, {
      sockets: [client, upstream],
      lanes: [new Lane(client, upstream, weather), new Lane(upstream, client, weather)],
    });
  }

  const readAll = (): void => {
    for (const lane of [...links.values()].flatMap(({ lanes }) => lanes)) lane.read();
  };

  async function listen(port: number): Promise<number> {
    const next = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => void accept(client)).listen(
      port,
      '127.0.0.1',
    );
    await once(next, 'listening');
    server = next;
    const address = next.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return address.port;
  }

  async function refuse(): Promise<void> {
    const ended = server === undefined ? undefined : once(server, 'close');
    server?.close();
    server = undefined;
    for (const socket of [...links.values()].flatMap(({ sockets }) => sockets)) socket.resetAndDestroy();
    await ended;
  }

  const port = await listen(0);
  return {
    port,
    rewrite(text) {
      const url = new URL(text);
      url.port = `${port}`;
      return url.href;
    },
    connections: () => links.size,
    cut: refuse,
    blackHole() {
      weather.block();
      readAll();
    },
    delay(ms) {
      weather.delayMs = ms;
    },
    throttle(bytesPerSecond) {
      weather.bytesPerSecond = bytesPerSecond;
    },
    async heal() {
      weather.delayMs = 0;
      weather.bytesPerSecond = Number.POSITIVE_INFINITY;
      weather.clear();
      readAll();
      // Somebody's outgoing connection may have got the port meanwhile.
      if (server === undefined)
        await poll(`the proxy gets port ${port} again`, () => listen(port).catch(() => undefined));
    },
    async close() {
      await refuse();
      weather.clear();
    },
  };
}
