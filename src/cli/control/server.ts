/**
 * The node's end of the control channel: commands of this machine's user ask the running node by it, one JSON object per line. SECURITY:
 * the socket is for this user alone (mode 0600, in a folder that is), takes the methods of a table and nothing else, and
 * everything that a client may hold is bounded (test/integration/control.test.ts).
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { RuntimeError, toRuntimeError } from '../../core/errors.ts';
import type { Runtime } from '../../runtime.ts';
import { Refusals } from '../refusals.ts';
import type { Standby } from './elsewhere.ts';
import { LINE_BYTES_MAX, LineReader } from './lines.ts';
import { callMethod } from './methods.ts';
import { makePlace } from './place.ts';

const CONNECTIONS_MAX = 16;
/** Of unfinished lines, all connections together. */
const UNREAD_BYTES_MAX = LINE_BYTES_MAX + 8 * 1024 * 1024;
/** A client that asks nothing, and one that does not take its answer. */
const IDLE_MS = 30_000;

export interface ControlOptions {
  readonly runtime: Runtime;
  readonly dataDir: string;
  /** Who has the workers while this node stands by; null while it has them. */
  readonly standby?: () => Standby | null;
  /** Workers that this node could not deploy. */
  readonly refusals?: Refusals;
  readonly idleMs?: number;
}

export interface Control {
  readonly path: string;
  close(): Promise<void>;
}

/** For a node that holds the lock of its data folder. @throws Error of the system */
export async function openControl({
  runtime,
  dataDir,
  standby = () => null,
  refusals = new Refusals(),
  idleMs = IDLE_MS,
}: ControlOptions): Promise<Control> {
  const place = makePlace(dataDir);
  const clients = new Set<Client>();
  const unread = (): number => [...clients].reduce((sum, { bytes }) => sum + bytes, 0);
  const server = createServer((socket) => {
    const client = new Client(socket, {
      runtime,
      standby,
      refusals,
      idleMs,
      isTooMuch: () => unread() > UNREAD_BYTES_MAX,
    });
    clients.add(client);
    socket.once('close', () => clients.delete(client));
  });
  server.maxConnections = CONNECTIONS_MAX;
  try {
    await listen(server, place.path);
    chmodSync(place.path, 0o600);
  } catch (error) {
    server.close();
    place.remove();
    throw error;
  }
  return {
    path: place.path,
    async close() {
      for (const client of clients) client.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      rmSync(place.path, { force: true });
      place.remove();
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      // A connection that could not be accepted is that client's trouble.
      server.on('error', () => undefined);
      resolve();
    });
  });
}

interface ClientParts {
  readonly runtime: Runtime;
  readonly standby: () => Standby | null;
  readonly refusals: Refusals;
  readonly idleMs: number;
  readonly isTooMuch: () => boolean;
}

/** One connection: one request at a time, in the order of the lines. */
class Client {
  readonly #socket: Socket;
  readonly #o: ClientParts;
  readonly #reader = new LineReader(LINE_BYTES_MAX);
  #busy = false;
  readonly #waiting: string[] = [];

  constructor(socket: Socket, parts: ClientParts) {
    this.#socket = socket;
    this.#o = parts;
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    // While a request is carried out nothing moves, and that may take a tick's time.
    socket.setTimeout(parts.idleMs, () => {
      if (!this.#busy) socket.destroy();
    });
  }

  get bytes(): number {
    return this.#reader.bytes + this.#waiting.reduce((sum, line) => sum + line.length, 0);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    try {
      this.#waiting.push(...this.#reader.push(chunk));
    } catch (error) {
      return this.#refuse((error as Error).message);
    }
    if (this.#o.isTooMuch()) return this.#refuse('too much was sent at once');
    void this.#work();
  }

  #refuse(message: string): void {
    this.#waiting.length = 0;
    this.#socket.end(`${JSON.stringify({ id: null, error: { code: 'BAD_ARGUMENT', message } })}\n`);
    this.#socket.destroySoon();
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    this.#socket.pause();
    for (let line = this.#waiting.shift(); line !== undefined; line = this.#waiting.shift()) {
      const answer = JSON.stringify(await this.#answer(line));
      if (this.#socket.destroyed) break;
      if (!this.#socket.write(`${answer}\n`)) await this.#drained();
    }
    this.#busy = false;
    if (!this.#socket.destroyed) this.#socket.resume();
  }

  async #answer(line: string): Promise<unknown> {
    let id: unknown = null;
    try {
      const request: unknown = parse(line);
      if (typeof request !== 'object' || request === null || !('id' in request) || !('method' in request))
        throw new RuntimeError('BAD_ARGUMENT', 'A request is one line of JSON: { id, method, params }.');
      id = Number.isSafeInteger(request.id) ? request.id : null;
      const params = 'params' in request ? request.params : {};
      const { runtime, standby, refusals } = this.#o;
      const result = await callMethod(runtime, request.method, params, { standby: standby(), refusals });
      return { id, result };
    } catch (thrown) {
      const { code, message, details } = toRuntimeError(thrown);
      return { id, error: { code, message, ...(details === undefined ? {} : { details }) } };
    }
  }

  /** Resolves when the client has taken its answer, or has not for too long. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#socket.destroy(), this.#o.idleMs);
      const done = (): void => {
        clearTimeout(timer);
        this.#socket.off('drain', done);
        this.#socket.off('close', done);
        resolve();
      };
      this.#socket.once('drain', done);
      this.#socket.once('close', done);
    });
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new RuntimeError('BAD_ARGUMENT', 'A request is one line of JSON: { id, method, params }.');
  }
}
