/** An HTTP server in the driver: whatever a node has told here was acknowledged, whatever becomes of the node. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Batch, Told } from './events.ts';

export class Witness {
  readonly url: string;
  readonly #server: Server;
  /** Told of every event in its order. */
  onEvent: (node: string, pid: number, event: Told) => void = () => undefined;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  static async open(): Promise<Witness> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const witness = new Witness(server, `http://127.0.0.1:${address.port}/events`);
    // A frozen node keeps its connection.
    server.keepAliveTimeout = 600_000;
    server.on('request', (request: IncomingMessage, response) => {
      bodyOf(request).then(
        (text) => {
          const { node, pid, events } = JSON.parse(text) as Batch;
          for (const event of events) witness.onEvent(node, pid, event);
          response.writeHead(204).end();
        },
        // The node was killed while it told: what it did not end nobody knows.
        () => response.destroy(),
      );
    });
    return witness;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  return text;
}
