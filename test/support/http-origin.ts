/** Servers on 127.0.0.1 for tests of ctx.http: one that speaks HTTP, and one that says whatever bytes the test wants. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';

export interface Origin {
  readonly port: number;
  readonly url: string;
  /** `host:port` for allowPrivate. */
  readonly address: string;
  /** Connections accepted so far. */
  connections(): number;
  readonly open: ReadonlySet<Socket>;
  /** Emits `connection` with a socket. */
  readonly server: Server;
  close(): Promise<void>;
}

async function listen(server: Server, host: string, port: number): Promise<Origin> {
  const open = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections++;
    open.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => open.delete(socket));
  });
  server.listen(port, host);
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return {
    port: bound.port,
    url: `http://${host}:${bound.port}`,
    address: `${host}:${bound.port}`,
    connections: () => connections,
    open,
    server,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const startOrigin = (answer: RequestListener, host = '127.0.0.1', port = 0): Promise<Origin> =>
  listen(createServer(answer), host, port);

/** `talk` is called when the first bytes of a request have come. */
export const startRawOrigin = (talk: (socket: Socket) => void): Promise<Origin> =>
  listen(
    createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => talk(socket));
    }),
    '127.0.0.1',
    0,
  );
