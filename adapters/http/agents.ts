/**
 * One undici Agent per workspace, so that no connection, TLS session or cookie-bound socket is ever shared between tenants.
 * Counts every socket: a workspace keeps at most {@link SOCKETS_PER_WORKSPACE}, all of them together {@link SOCKETS_MAX}; idle
 * ones give way first, by replacing the agent that holds them. An agent without sockets and requests is forgotten.
 */
import type { Socket } from 'node:net';
import { Agent, type buildConnector, type Dispatcher } from 'undici';
import { KiB } from '../../src/core/limits.ts';
import { REQUESTS_MAX, REQUESTS_PER_WORKSPACE } from './gate.ts';

/** As many as requests may run; at rest all of them may be idle. */
const SOCKETS_PER_WORKSPACE = REQUESTS_PER_WORKSPACE;
const SOCKETS_MAX = REQUESTS_MAX;
/** Bytes of a response's headers. */
const RESPONSE_HEADERS_BYTES_MAX = 32 * KiB;

export interface Lease {
  readonly dispatcher: Dispatcher;
  release(): void;
}

export interface SocketHooks {
  readonly wanted: (origin: string) => boolean;
  readonly opened: (socket: Socket, origin: string) => void;
}

interface Entry {
  agent: Agent;
  running: number;
  /** Requests in flight per origin. */
  readonly wanted: Map<string, number>;
  /** Open sockets, with their origin while they connect and null afterwards. */
  readonly sockets: Map<Socket, string | null>;
}

export class WorkspaceAgents {
  readonly #entries = new Map<string, Entry>();
  readonly #connector: (hooks: SocketHooks) => buildConnector.connector;
  #sockets = 0;

  constructor(connector: (hooks: SocketHooks) => buildConnector.connector) {
    this.#connector = connector;
  }

  get socketCount(): number {
    return this.#sockets;
  }

  /** The dispatcher for one request of a workspace to one origin. Release it when the answer was read. */
  lease(workspace: string, origin: string): Lease {
    this.#makeRoom();
    const entry = this.#entries.get(workspace) ?? this.#open();
    // Map order is the order of last use.
    this.#entries.delete(workspace);
    this.#entries.set(workspace, entry);
    if (entry.sockets.size >= SOCKETS_PER_WORKSPACE && entry.sockets.size > entry.running) this.#replaceAgent(entry);
    entry.running++;
    entry.wanted.set(origin, (entry.wanted.get(origin) ?? 0) + 1);
    let released = false;
    return {
      dispatcher: entry.agent,
      release: () => {
        if (released) return;
        released = true;
        entry.running--;
        this.#unwant(entry, origin);
        this.#forgetIdle(workspace, entry);
      },
    };
  }

  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(entries.map((entry) => entry.agent.destroy()));
    for (const entry of entries) for (const socket of entry.sockets.keys()) socket.destroy();
  }

  #open(): Entry {
    const entry: Omit<Entry, 'agent'> = { running: 0, wanted: new Map(), sockets: new Map() };
    return Object.assign(entry, { agent: this.#createAgent(entry) });
  }

  #createAgent(entry: Omit<Entry, 'agent'>): Agent {
    return new Agent({
      allowH2: false,
      pipelining: 1,
      connections: REQUESTS_PER_WORKSPACE,
      maxHeaderSize: RESPONSE_HEADERS_BYTES_MAX,
      // One deadline over the whole request stands outside; these would be reset by every byte.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 4_000,
      keepAliveMaxTimeout: 30_000,
      connect: this.#connector({
        wanted: (origin) => entry.wanted.has(origin),
        opened: (socket, origin) => {
          this.#sockets++;
          entry.sockets.set(socket, origin);
          const connected = (): unknown => entry.sockets.has(socket) && entry.sockets.set(socket, null);
          socket.once(origin.startsWith('https:') ? 'secureConnect' : 'connect', connected);
          socket.once('close', () => {
            this.#sockets--;
            entry.sockets.delete(socket);
            for (const [workspace, held] of this.#entries) if (held === entry) this.#forgetIdle(workspace, held);
          });
        },
      }),
    });
  }

  /** A connection that is still being made for nobody must not outlive the request that asked for it. */
  #unwant(entry: Entry, origin: string): void {
    const left = (entry.wanted.get(origin) ?? 1) - 1;
    if (left > 0) {
      entry.wanted.set(origin, left);
      return;
    }
    entry.wanted.delete(origin);
    for (const [socket, connecting] of entry.sockets) {
      // With an error: undici waits for the outcome of every connection it asked for.
      if (connecting === origin) socket.destroy(new Error('nobody waits for this connection any more'));
    }
  }

  #forgetIdle(workspace: string, entry: Entry): void {
    if (entry.running > 0 || entry.sockets.size > 0 || this.#entries.get(workspace) !== entry) return;
    this.#entries.delete(workspace);
    void entry.agent.close();
  }

  /** Requests in flight end on the old agent; its idle sockets close now. */
  #replaceAgent(entry: Entry): void {
    void entry.agent.close();
    entry.agent = this.#createAgent(entry);
  }

  #makeRoom(): void {
    let over = this.#sockets - SOCKETS_MAX + 1;
    for (const entry of this.#entries.values()) {
      if (over <= 0) return;
      const idle = entry.sockets.size - entry.running;
      if (idle <= 0) continue;
      this.#replaceAgent(entry);
      over -= idle;
    }
  }
}
