import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
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

async function origin(answer: RequestListener): Promise<Origin> {
  const started = await startOrigin(answer);
  opened.push(() => started.close());
  return started;
}

function adapterFor(origins: readonly Origin[], options: HttpOptions = {}): Adapter {
  const adapter = createHttpAdapter({ allowPrivate: origins.map((one) => one.address), ...options });
  opened.push(() => adapter.close?.());
  return adapter;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Answers with what it was asked, as JSON. */
const mirror: RequestListener = (request, response) => {
  void bodyOf(request).then((body) => {
    response.setHeader('content-type', 'application/json; charset=utf-8');
    const { method, url, headers } = request;
    response.end(JSON.stringify({ method, url, headers, body: body.toString('base64') }));
  });
};

interface Mirrored {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

async function mirrored(adapter: Adapter, method: string, input: unknown): Promise<Mirrored> {
  const { json } = await callAdapter(adapter, method, input);
  return json as Mirrored;
}

const text = (base64: string): string => Buffer.from(base64, 'base64').toString();

describe('a request', () => {
  it('carries params of every kind in its query and leaves null out', async () => {
    const server = await origin(mirror);
    const seen = await mirrored(adapterFor([server]), 'get', {
      url: `${server.url}/a?x=1#part`,
      params: { q: 'ä &', n: 5, flag: true, none: null, list: [1, 'b'] },
      headers: { 'X-Mine': 'yes', 'x-number': 7 },
    });
    expect(seen.method).toBe('GET');
    expect(seen.url).toBe('/a?x=1&q=%C3%A4+%26&n=5&flag=true&list=1&list=b');
    expect(seen.headers).toMatchObject({
      'x-mine': 'yes',
      'x-number': '7',
      'user-agent': 'tick-runtime',
      host: server.address,
    });
  });

  it('keeps a query that was signed byte for byte', async () => {
    const server = await origin(mirror);
    const seen = await mirrored(adapterFor([server]), 'get', { url: `${server.url}/?b=%20&a=~%7e+x&sig=a%2Fb` });
    expect(seen.url).toBe('/?b=%20&a=~%7e+x&sig=a%2Fb');
  });

  it('sends json, forms and raw bodies with the right type', async () => {
    const server = await origin(mirror);
    const adapter = adapterFor([server]);
    const send = (input: object): Promise<Mirrored> => mirrored(adapter, 'post', { url: server.url, ...input });
    const json = await send({ json: { a: [1, 'ü'] } });
    expect([json.headers['content-type'], text(json.body)]).toEqual(['application/json', '{"a":[1,"ü"]}']);
    const form = await send({ form: { a: 'x y', b: [1, 2] } });
    expect([form.headers['content-type'], text(form.body)]).toEqual([
      'application/x-www-form-urlencoded',
      'a=x+y&b=1&b=2',
    ]);
    expect(text((await send({ data: { a: 1 } })).body)).toBe('a=1');
    expect(text((await send({ data: 'plain' })).body)).toBe('plain');
    const bytes = await send({ data: { base64: 'AP8=' } });
    expect([bytes.headers['content-type'], bytes.body]).toEqual([undefined, 'AP8=']);
    const typed = await send({ json: { a: 1 }, headers: { 'Content-Type': 'application/vnd.api+json' } });
    expect(typed.headers['content-type']).toBe('application/vnd.api+json');
  });

  it('sends a raw body as exactly these bytes', async () => {
    const server = await origin(mirror);
    const adapter = adapterFor([server]);
    const raw = '{"price": "1.0",  "b":\t1}\r\n';
    const signed = await mirrored(adapter, 'post', { url: server.url, rawBody: raw });
    expect(text(signed.body)).toBe(raw);
    expect(signed.headers['content-length']).toBe(String(raw.length));
    const bytes = Buffer.from([0, 255, 13, 10, 128]).toString('base64');
    expect(
      (await mirrored(adapter, 'fetch', { url: server.url, method: 'put', rawBody: { base64: bytes } })).body,
    ).toBe(bytes);
  });

  it('uses the method that fetch is given', async () => {
    const server = await origin(mirror);
    const adapter = adapterFor([server]);
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      expect((await mirrored(adapter, 'fetch', { url: server.url, method: method.toLowerCase() })).method).toBe(method);
    }
    expect((await mirrored(adapter, 'fetch', { url: server.url })).method).toBe('GET');
  });

  it.each([
    ['Host', 'evil.test'],
    ['Content-Length', '5'],
    ['Transfer-Encoding', 'chunked'],
    ['Connection', 'upgrade'],
    ['Keep-Alive', '5'],
    ['Upgrade', 'websocket'],
    ['TE', 'trailers'],
    ['Trailer', 'x'],
    ['Expect', '100-continue'],
    ['Proxy-Authorization', 'Basic eA=='],
    ['x-a', 'b\r\nx-injected: 1'],
    ['x-a', 'b\nc'],
    ['x-a', 'b\0c'],
    ['x-a', 'schön'],
    ['x a', 'b'],
    ['x-a\r\nx-b', 'c'],
    ['', 'b'],
    ['x-big', 'b'.repeat(64 * 1024)],
  ])('refuses headers that frame or route the message, or break out of it (%j)', async (name, value) => {
    const server = await origin(mirror);
    const call = callAdapter(adapterFor([server]), 'get', { url: server.url, headers: { [name]: value } });
    await expect(call).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    expect(server.connections()).toBe(0);
  });

  it.each([
    { url: '/relative' },
    { url: 'http://user:secret@example.org/' },
    { url: 'http://exa mple.org/' },
    { url: 'https://example.org/', timeout: 1, timeoutMs: 1 },
    { url: 'https://example.org/', json: {}, rawBody: '' },
    { url: 'https://example.org/', method: 'GET', json: {} },
    { url: 'https://example.org/', rawBody: 'x'.repeat(5 * 1024 * 1024 + 1), method: 'POST' },
    {
      url: 'https://example.org/',
      headers: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`x-${i}`, 'a'])),
    },
    { url: 'https://example.org/', headers: { 'X-A': '1', 'x-a': '2' } },
  ])('refuses arguments that make no request (%#)', async (input) => {
    await expect(callAdapter(adapterFor([]), 'fetch', input)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });
});

describe('an answer', () => {
  const answering = (type: string | undefined, body: Buffer | string): RequestListener => {
    return (_request, response) => {
      if (type !== undefined) response.setHeader('content-type', type);
      response.end(body);
    };
  };

  it.each([
    ['application/json', '{"a":1}', { a: 1 }],
    ['application/json; charset=utf-8', '[1]', [1]],
    ['application/problem+json', '"x"', 'x'],
    ['APPLICATION/JSON', '\ufefftrue', true],
    ['application/json', '{broken', null],
    ['application/json', '', null],
    ['application/json', '['.repeat(100_000), null],
    ['application/json', '{"__proto__":{"polluted":1}}', JSON.parse('{"__proto__":{"polluted":1}}')],
    ['text/plain', '{"a":1}', null],
    ['application/jsonp', '{"a":1}', null],
    [undefined, '{"a":1}', null],
  ])('of type %s parses its JSON where the type says so', async (type, body, json) => {
    const server = await origin(answering(type, body));
    const answer = await callAdapter(adapterFor([server]), 'get', { url: server.url });
    expect(answer).toMatchObject({ status: 200, ok: true, text: body.replace('\ufeff', '') });
    expect(answer.json).toEqual(json);
    expect(JSON.parse(JSON.stringify(answer))).toEqual(answer);
  });

  it('is decoded by the charset of its type and keeps going on bytes that are not text', async () => {
    const latin = await origin(answering('text/plain; charset=iso-8859-1', Buffer.from([0xe4, 0xf6])));
    const unknown = await origin(answering('text/plain; charset=nonsense', 'ä'));
    const binary = await origin(answering('image/png', Buffer.from([0x89, 0x50, 0xff, 0x00])));
    const adapter = adapterFor([latin, unknown, binary]);
    expect((await callAdapter(adapter, 'get', { url: latin.url })).text).toBe('äö');
    expect((await callAdapter(adapter, 'get', { url: unknown.url })).text).toBe('ä');
    expect((await callAdapter(adapter, 'get', { url: binary.url })).text).toBe('\ufffdP\ufffd\0');
  });

  it.each([204, 304, 404, 500, 301])('with status %i comes back as it is', async (status) => {
    const server = await origin((_request, response) => {
      response.writeHead(status, status === 204 || status === 304 ? { 'content-encoding': 'gzip' } : {});
      response.end();
    });
    const answer = await callAdapter(adapterFor([server]), 'get', { url: server.url });
    expect(answer).toMatchObject({ status, ok: status === 204, text: '', json: null });
  });

  it('to HEAD has headers and no body, even where it names a length and a coding', async () => {
    const server = await origin((_request, response) => {
      response.writeHead(200, {
        'content-length': '1000',
        'content-encoding': 'gzip',
        'content-type': 'application/json',
      });
      response.end();
    });
    const answer = await callAdapter(adapterFor([server]), 'fetch', { url: server.url, method: 'HEAD' });
    expect(answer).toMatchObject({ status: 200, text: '', json: null });
    expect(answer.headers).toMatchObject({ 'content-length': '1000' });
  });

  it('joins repeated headers and keeps odd names as plain data', async () => {
    const server = await startRawOrigin((socket) => {
      socket.end(
        'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n__proto__: x\r\nX-Odd: \xff\r\ncontent-length: 0\r\n\r\n',
      );
    });
    opened.push(() => server.close());
    const { headers } = await callAdapter(adapterFor([server]), 'get', { url: server.url });
    expect(headers).toMatchObject({ 'set-cookie': 'a=1, b=2', ['__proto__']: 'x' });
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype);
  });
});

describe('connections', () => {
  it('are kept for the next request of the same workspace and never shared with another', async () => {
    const ports: (number | undefined)[] = [];
    const server = await origin((request, response) => {
      ports.push(request.socket.remotePort);
      response.end('ok');
    });
    const adapter = adapterFor([server]);
    for (const worker of ['one/a', 'one/b', 'two/a', 'one/a'])
      await callAdapter(adapter, 'get', { url: server.url }, { worker });
    expect(ports[1]).toBe(ports[0]);
    expect(ports[3]).toBe(ports[0]);
    expect(ports[2]).not.toBe(ports[0]);
    expect(server.connections()).toBe(2);
  });

  it('that the server closes in the moment of their next use cost a GET nothing', async () => {
    let requests = 0;
    const server = await origin((request, response) => {
      if (++requests === 2) request.socket.destroy();
      else response.end(String(requests));
    });
    const adapter = adapterFor([server]);
    expect((await callAdapter(adapter, 'get', { url: server.url })).text).toBe('1');
    expect((await callAdapter(adapter, 'get', { url: server.url })).text).toBe('3');
  });

  it('are closed with the adapter', async () => {
    const server = await origin((_request, response) => response.end('ok'));
    const adapter = adapterFor([server]);
    await callAdapter(adapter, 'get', { url: server.url });
    const [socket] = server.open;
    if (socket === undefined) throw new Error('no connection is kept');
    const closed = once(socket, 'close');
    await adapter.close?.();
    await closed;
  });

  it('ignore the proxies of the environment and leave the global fetch alone', async () => {
    const proxy = await origin((_request, response) => response.end('proxied'));
    const server = await origin((_request, response) => response.end('direct'));
    const before = { ...process.env };
    Object.assign(process.env, {
      HTTP_PROXY: proxy.url,
      http_proxy: proxy.url,
      ALL_PROXY: proxy.url,
      NODE_USE_ENV_PROXY: '1',
    });
    try {
      expect((await callAdapter(adapterFor([server]), 'get', { url: server.url })).text).toBe('direct');
      expect(proxy.connections()).toBe(0);
      expect(await (await fetch(server.url)).text()).toBe('direct');
    } finally {
      process.env = before;
    }
  });
});
