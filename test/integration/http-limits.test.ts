import { once } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { Adapter } from '../../adapters/adapter.ts';
import { createHttpAdapter } from '../../adapters/http/adapter.ts';
import type { HttpOptions } from '../../src/runtime.ts';
import { callAdapter } from '../support/adapter-call.ts';
import { type Origin, startOrigin, startRawOrigin } from '../support/http-origin.ts';

const opened: (() => Promise<void> | undefined)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

function adapterFor(server: Origin, options: HttpOptions = {}): Adapter {
  const adapter = createHttpAdapter({ allowPrivate: [server.address], ...options });
  opened.push(
    () => server.close(),
    () => adapter.close?.(),
  );
  return adapter;
}

const MiB = 1024 * 1024;
const zeros = Buffer.alloc(100 * MiB);
const letters = Buffer.alloc(65_536, 'a');
const fast = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
const encoded = (encoding: string, body: Buffer): RequestListener => {
  return (_request, response) => {
    response.writeHead(200, { 'content-encoding': encoding });
    response.end(body);
  };
};

describe('the size of an answer', () => {
  const bombs: readonly (readonly [encoding: string, body: Buffer])[] = [
    ['gzip', gzipSync(zeros)],
    ['gzip, gzip', gzipSync(gzipSync(zeros))],
    ['deflate', deflateSync(zeros)],
    ['br', brotliCompressSync(zeros, fast)],
    ['zstd', zstdCompressSync(zeros)],
    ['br, gzip', gzipSync(brotliCompressSync(zeros, fast))],
  ];

  it.each(bombs)(
    'is counted decoded: a bomb of %s ends at the limit without filling memory',
    async (encoding, body) => {
      const server = await startOrigin(encoded(encoding, body));
      const adapter = adapterFor(server);
      const before = process.memoryUsage.rss();
      expect(await callAdapter(adapter, 'get', { url: server.url })).toMatchObject({ code: 'RESPONSE_TOO_LARGE' });
      expect(process.memoryUsage.rss() - before).toBeLessThan(80 * MiB);
    },
  );

  it.each([
    ['gzip', gzipSync('hello')],
    ['x-gzip', gzipSync('hello')],
    ['deflate', deflateSync('hello')],
    ['deflate', deflateRawSync('hello')],
    ['br', brotliCompressSync('hello')],
    ['zstd', zstdCompressSync('hello')],
    ['identity', Buffer.from('hello')],
    ['GZIP , Br', brotliCompressSync(gzipSync('hello'))],
  ])('is undone for %s', async (encoding, body) => {
    const server = await startOrigin(encoded(encoding, body));
    expect(await callAdapter(adapterFor(server), 'get', { url: server.url })).toMatchObject({
      status: 200,
      text: 'hello',
    });
  });

  it.each([
    ['gzip, gzip, gzip, gzip, gzip, gzip', gzipSync('x')],
    ['snappy', Buffer.from('x')],
    ['constructor', Buffer.from('x')],
    ['gzip', Buffer.from('not gzip')],
    ['gzip', gzipSync('cut off in the middle').subarray(0, 15)],
    ['br', Buffer.from([0xff, 0xff])],
  ])('is not guessed when the coding is %s and cannot be undone', async (encoding, body) => {
    const server = await startOrigin(encoded(encoding, body));
    expect(await callAdapter(adapterFor(server), 'get', { url: server.url })).toMatchObject({ code: 'BAD_ENCODING' });
  });

  it('is refused by its announced or its real length', async () => {
    const server = await startOrigin((request, response) => {
      if (request.url === '/announced') response.writeHead(200, { 'content-length': String(300 * MiB) });
      const pump = (): void => {
        while (!response.destroyed && response.write(zeros.subarray(0, 65_536)));
        response.once('drain', pump);
      };
      pump();
    });
    const adapter = adapterFor(server, { responseBytesMax: MiB });
    for (const path of ['/announced', '/endless']) {
      expect(await callAdapter(adapter, 'get', { url: server.url + path }), path).toMatchObject({
        code: 'RESPONSE_TOO_LARGE',
      });
    }
  });

  it('is allowed up to the very byte of the limit', async () => {
    const server = await startOrigin((request, response) =>
      response.end(zeros.subarray(0, Number(request.url?.slice(1)))),
    );
    const adapter = adapterFor(server, { responseBytesMax: 1_000 });
    expect(await callAdapter(adapter, 'get', { url: `${server.url}/1000` })).toMatchObject({ status: 200 });
    expect(await callAdapter(adapter, 'get', { url: `${server.url}/1001` })).toMatchObject({
      code: 'RESPONSE_TOO_LARGE',
    });
  });

  it('is refused when text and parsed JSON do not fit into one reply', async () => {
    const body = JSON.stringify(['x'.repeat(4.5 * MiB)]);
    const server = await startOrigin((_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(body);
    });
    expect(await callAdapter(adapterFor(server), 'get', { url: server.url })).toMatchObject({
      code: 'RESPONSE_TOO_LARGE',
    });
  });
});

const HEAD = 'HTTP/1.1 200 OK\r\n';

describe('an answer that is not one', () => {
  it.each<[what: string, code: string, talk: (socket: Socket) => void]>([
    ['too short for its length', 'CONNECTION_LOST', (s) => s.end(`${HEAD}content-length: 100\r\n\r\nabc`)],
    ['no HTTP', 'BAD_RESPONSE', (s) => s.end('SSH-2.0-OpenSSH_9.9\r\n\r\n')],
    ['a flood of headers', 'BAD_RESPONSE', (s) => s.end(HEAD + 'x-flood: aaaaaaaaaaaaaaaa\r\n'.repeat(10_000))],
    ['one huge header', 'BAD_RESPONSE', (s) => s.end(`${HEAD}x: ${'a'.repeat(MiB)}\r\n\r\n`)],
    ['a flood of interim answers', 'BAD_RESPONSE', (s) => s.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1_000))],
    ['two lengths', 'BAD_RESPONSE', (s) => s.end(`${HEAD}content-length: 1\r\ncontent-length: 2\r\n\r\nab`)],
    ['nothing at all', 'CONNECTION_LOST', (s) => s.end()],
    ['a broken chunk', 'BAD_RESPONSE', (s) => s.end(`${HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n`)],
  ])('(%s) is data with the code %s', async (_what, code, talk) => {
    const server = await startRawOrigin(talk);
    const answer = await callAdapter(adapterFor(server), 'fetch', {
      url: server.url,
      method: 'POST',
      timeoutMs: 3_000,
    });
    expect(answer).toMatchObject({ code, error: expect.any(String) });
  });

  it('(an endless status line) ends with the deadline', async () => {
    const server = await startRawOrigin((socket) => {
      const pump = (): void => {
        while (!socket.destroyed && socket.write(letters));
      };
      socket.on('drain', pump);
      socket.write('HTTP/1.1 200 ');
      pump();
    });
    const adapter = adapterFor(server, { timeoutMs: 600 });
    const before = process.memoryUsage.rss();
    expect(await callAdapter(adapter, 'get', { url: server.url })).toMatchObject({ code: 'TIMEOUT' });
    // About 500 MiB have come by then, from a server in this very process.
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 * MiB);
  });

  it('(nobody listens) is data', async () => {
    const server = await startRawOrigin(() => undefined);
    const adapter = adapterFor(server);
    await server.close();
    expect(await callAdapter(adapter, 'get', { url: server.url })).toMatchObject({ code: 'CONNECTION_REFUSED' });
    opened.shift();
  });
});

/** Writes `bytes` for as long as the socket lives; how fast does not matter, only that it never ends. */
const drip = (socket: Socket, bytes: string): void => {
  const timer = setInterval(() => socket.write(bytes), 10);
  socket.once('close', () => clearInterval(timer));
};

/** Resolves when the server's next connection is closed, however that happens. */
const firstClosed = (server: Origin): Promise<unknown> =>
  new Promise((resolve) => {
    server.server.once('connection', (socket: Socket) => socket.once('close', resolve));
  });

describe('the deadline', () => {
  it.each<[what: string, talk: (socket: Socket) => void]>([
    ['says nothing', () => undefined],
    ['drips headers', (s) => s.write(HEAD) && drip(s, 'x: y\r\n')],
    ['drips its body', (s) => s.write(`${HEAD}content-length: 100000\r\n\r\n`) && drip(s, 'a')],
    ['drips chunks', (s) => s.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`) && drip(s, '1\r\na\r\n')],
    [
      'drips the body of a redirect',
      (s) => s.write('HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 9999\r\n\r\n') && drip(s, 'a'),
    ],
  ])('holds against a server that %s, and its connection is closed', async (_what, talk) => {
    const server = await startRawOrigin(talk);
    const adapter = adapterFor(server, { timeoutMs: 250 });
    const closed = firstClosed(server);
    const begun = performance.now();
    expect(await callAdapter(adapter, 'get', { url: server.url })).toMatchObject({ code: 'TIMEOUT' });
    const took = performance.now() - begun;
    expect(took).toBeGreaterThan(240);
    expect(took).toBeLessThan(750);
    await closed;
  });

  it.each([
    ['the one asked for in ms', { timeoutMs: 100 }, {}, {}],
    ['the one asked for in seconds', { timeout: 0.1 }, {}, {}],
    ['the setting', { timeoutMs: 60_000 }, { timeoutMs: 100 }, {}],
    ['what is left of the tick', { timeoutMs: 60_000 }, {}, { remainingMs: 100 }],
  ])('is the shortest of the three: %s', async (_what, input, options, context) => {
    const server = await startRawOrigin(() => undefined);
    const answer = await callAdapter(adapterFor(server, options), 'get', { url: server.url, ...input }, context);
    expect(answer).toEqual({ error: 'no complete answer within 100 ms', code: 'TIMEOUT' });
  });

  it('covers a TLS handshake that never ends, and the half-open connection is closed', async () => {
    const server = await startRawOrigin(() => undefined);
    const adapter = adapterFor(server);
    const closed = firstClosed(server);
    const url = `https://${server.address}/`;
    const begun = performance.now();
    expect(await callAdapter(adapter, 'get', { url, timeoutMs: 150 })).toMatchObject({ code: 'TIMEOUT' });
    await closed;
    expect(performance.now() - begun).toBeLessThan(650);
  });

  it('covers a name that is never resolved', async () => {
    const adapter = createHttpAdapter({}, { lookup: () => new Promise(() => undefined) });
    opened.push(() => adapter.close?.());
    const begun = performance.now();
    const answer = await callAdapter(adapter, 'get', { url: 'https://slow.example/', timeoutMs: 100 });
    expect(answer).toMatchObject({ code: 'TIMEOUT' });
    expect(performance.now() - begun).toBeLessThan(600);
  });

  it('gives way to the end of the tick, which closes the connection', async () => {
    const server = await startRawOrigin(() => tick.abort());
    const tick = new AbortController();
    const closed = firstClosed(server);
    const answer = await callAdapter(adapterFor(server), 'get', { url: server.url }, { signal: tick.signal });
    expect(answer).toMatchObject({ code: 'ABORTED' });
    await closed;
  });

  it('of a tick that is over already sends nothing', async () => {
    const server = await startRawOrigin(() => undefined);
    const answer = await callAdapter(adapterFor(server), 'get', { url: server.url }, { signal: AbortSignal.abort() });
    expect(answer).toMatchObject({ code: 'ABORTED' });
    expect(server.connections()).toBe(0);
  });
});

describe('requests at the same time', () => {
  /** A server that answers only when told to, and tells when `count` requests are waiting. */
  async function held(): Promise<{
    server: Origin;
    waiting: ServerResponse[];
    reached: (count: number) => Promise<void>;
  }> {
    const waiting: ServerResponse[] = [];
    const server = await startOrigin((_request, response) => {
      waiting.push(response);
      server.server.emit('waiting');
    });
    const reached = async (count: number): Promise<void> => {
      while (waiting.length < count) await once(server.server, 'waiting');
    };
    return { server, waiting, reached };
  }

  it('are eight of one worker; the rest waits its turn and other workers pass', async () => {
    const { server, waiting, reached } = await held();
    const adapter = adapterFor(server);
    const calls = Array.from({ length: 20 }, () => callAdapter(adapter, 'get', { url: server.url }));
    await reached(8);
    const other = callAdapter(adapter, 'get', { url: server.url }, { worker: 'default/other' });
    await reached(9);
    expect(server.open.size).toBe(9);
    for (let answered = 0; answered < 21; answered++) {
      await reached(answered + 1);
      expect(waiting.length - answered).toBeLessThanOrEqual(9);
      waiting[answered]?.end('ok');
    }
    expect(await Promise.all([...calls, other])).toSatisfy((all: { status: number }[]) =>
      all.every((one) => one.status === 200),
    );
  });

  it('are refused with CALL_LIMIT when sixty-four wait already', async () => {
    const { server, waiting, reached } = await held();
    const adapter = adapterFor(server, { concurrentPerWorker: 1 });
    const calls = Array.from({ length: 66 }, () => callAdapter(adapter, 'get', { url: server.url }));
    await expect(calls[65]).rejects.toMatchObject({ code: 'CALL_LIMIT' });
    for (let answered = 0; answered < 65; answered++) {
      await reached(answered + 1);
      waiting[answered]?.end('ok');
    }
    expect((await Promise.all(calls.slice(0, 65))).every((one) => one.status === 200)).toBe(true);
  });

  it('are sixty-four of one workspace, however many workers it has', async () => {
    const { server, waiting, reached } = await held();
    const adapter = adapterFor(server);
    const call = (worker: string): Promise<unknown> => callAdapter(adapter, 'get', { url: server.url }, { worker });
    const calls = Array.from({ length: 80 }, (_, i) => call(`big/w${i % 20}`));
    await reached(64);
    const other = call('small/a');
    await reached(65);
    expect(server.open.size).toBe(65);
    for (let answered = 0; answered < 81; answered++) {
      await reached(answered + 1);
      waiting[answered]?.end('ok');
    }
    await Promise.all([...calls, other]);
  });

  it('that wait when their tick ends are answered at once and give their place up', async () => {
    const { server, waiting, reached } = await held();
    const adapter = adapterFor(server, { concurrentPerWorker: 1 });
    const first = callAdapter(adapter, 'get', { url: server.url });
    await reached(1);
    const tick = new AbortController();
    const second = callAdapter(adapter, 'get', { url: server.url }, { signal: tick.signal });
    const third = callAdapter(adapter, 'get', { url: server.url });
    tick.abort();
    expect(await second).toMatchObject({ code: 'ABORTED' });
    waiting[0]?.end('ok');
    await reached(2);
    waiting[1]?.end('ok');
    expect([(await first).status, (await third).status]).toEqual([200, 200]);
  });
});
