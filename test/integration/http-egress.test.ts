import { afterEach, describe, expect, it } from 'vitest';
import type { Adapter } from '../../adapters/adapter.ts';
import { createHttpAdapter } from '../../adapters/http/adapter.ts';
import { type ConnectorParts, createConnector, createWorkerSecureContext } from '../../adapters/http/connector.ts';
import { createEgressGuard, type EgressGuard } from '../../adapters/http/guard.ts';
import { RuntimeError } from '../../src/core/errors.ts';
import { callAdapter } from '../support/adapter-call.ts';
import { type Origin, startOrigin } from '../support/http-origin.ts';

const opened: (() => Promise<void> | undefined)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

async function origin(location = '', status = 302, host?: string, port?: number): Promise<Origin> {
  const started = await startOrigin(
    (request, response) => {
      if (request.url === '/go') response.writeHead(status, { location });
      response.end(JSON.stringify({ method: request.method, headers: request.headers }));
    },
    host,
    port,
  );
  opened.push(() => started.close());
  return started;
}

/** An adapter whose names all lead where `answers` says; counts how often it was asked. */
function withAnswers(answers: (call: number) => readonly string[], allowPrivate: readonly string[] = []) {
  let calls = 0;
  const adapter: Adapter = createHttpAdapter(
    { allowPrivate },
    { lookup: async () => answers(calls++), ownAddresses: () => [] },
  );
  opened.push(() => adapter.close?.());
  return { adapter, lookups: () => calls };
}

describe('a name', () => {
  it.each([
    ['private only', ['127.0.0.1']],
    ['private and public', ['93.184.215.14', '127.0.0.1']],
    ['IPv6 loopback', ['::1']],
    ['mapped', ['2606:4700:4700::1111', '::ffff:127.0.0.1']],
    ['hidden behind a hundred', [...Array.from({ length: 100 }, (_, i) => `93.184.215.${i}`), '127.0.0.1']],
    ['with a zone', ['fe80::1%lo']],
    ['not an address', ['localhost']],
    ['none', []],
  ])('is refused when one of its answers is private (%s)', async (_what, answers) => {
    const server = await origin();
    const { adapter, lookups } = withAnswers(() => answers);
    const call = callAdapter(adapter, 'get', { url: `http://rebind.example:${server.port}/` });
    await expect(call).rejects.toMatchObject({ code: 'EGRESS_DENIED' });
    expect(lookups()).toBe(1);
    expect(server.connections()).toBe(0);
  });

  it('is resolved once per dial, so a second answer cannot take the place of the checked one', async () => {
    const good = await origin();
    const bad = await origin('', 302, '127.0.0.2', good.port);
    const { adapter, lookups } = withAnswers((call) => (call === 0 ? ['127.0.0.1'] : ['127.0.0.2']), [good.address]);
    const url = `http://rebind.example:${good.port}/`;
    expect(await callAdapter(adapter, 'get', { url })).toMatchObject({ status: 200 });
    expect(lookups()).toBe(1);
    // Another workspace has no connection yet: it asks again and gets the other answer.
    await expect(callAdapter(adapter, 'get', { url }, { worker: 'other/a' })).rejects.toMatchObject({
      code: 'EGRESS_DENIED',
    });
    expect([good.connections(), bad.connections()]).toEqual([1, 0]);
  });

  it('that does not resolve is data, not an error', async () => {
    const adapter = createHttpAdapter(
      {},
      { lookup: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })) },
    );
    opened.push(() => adapter.close?.());
    expect(await callAdapter(adapter, 'get', { url: 'https://nowhere.example/' })).toEqual({
      error: 'the name cannot be resolved',
      code: 'NAME_NOT_FOUND',
    });
  });
});

describe('a literal', () => {
  it.each([
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '127.1',
    '[::ffff:127.0.0.1]',
    '0',
    'localhost',
    '①②⑦.⓪.⓪.①',
    '127.0.0.1.',
  ])('for this machine (%s) is refused without a connection', async (host) => {
    const server = await origin();
    const { adapter, lookups } = withAnswers(() => ['127.0.0.1']);
    const call = callAdapter(adapter, 'post', { url: `http://${host}:${server.port}/`, json: {} });
    await expect(call).rejects.toMatchObject({ code: 'EGRESS_DENIED' });
    expect([lookups(), server.connections()]).toEqual([0, 0]);
  });

  it('is refused in the connector too: it dials nothing for a literal that the guard refuses', async () => {
    const server = await origin();
    for (const hostname of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      expect(await dial(server, hostname)).toMatchObject({ code: 'EGRESS_DENIED' });
    }
    expect(server.connections()).toBe(0);
  });

  it('is not dialled when nobody waits for it any more', async () => {
    const server = await origin();
    expect(
      await dial(server, '127.0.0.1', { guard: createEgressGuard([server.address]), wanted: () => false }),
    ).toBeInstanceOf(Error);
    expect(server.connections()).toBe(0);
  });

  it('is looked at once more when the connection stands, before a byte is sent', async () => {
    const server = await origin();
    const seen: (readonly string[])[] = [];
    const guard: EgressGuard = {
      ...createEgressGuard(),
      checkDial: (_hostname, _port, addresses) => {
        seen.push(addresses);
        if (seen.length === 2) throw new RuntimeError('EGRESS_DENIED', 'the second look');
      },
    };
    expect(await dial(server, 'a.example', { guard, lookup: async () => ['127.0.0.1'] })).toMatchObject({
      message: 'the second look',
    });
    expect(seen).toEqual([['127.0.0.1'], ['127.0.0.1']]);
  });
});

/** What the connector alone says to a dial: an error, or null for a connection. */
function dial(server: Origin, hostname: string, over: Partial<ConnectorParts> = {}): Promise<Error | null> {
  const unasked = (): Promise<never> => Promise.reject(new Error('never asked'));
  const connect = createConnector({
    guard: createEgressGuard(),
    lookup: unasked,
    lookupListed: unasked,
    secureContext: createWorkerSecureContext(),
    wanted: () => true,
    opened: () => undefined,
    ...over,
  });
  return new Promise((resolve) => {
    connect({ hostname, protocol: 'http:', port: String(server.port) }, (...outcome) => resolve(outcome[0]));
  });
}

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])('with %i to a private address is refused', async (status) => {
    const inside = await origin();
    const outside = await origin(`http://127.0.0.1:${inside.port}/`, status);
    const { adapter } = withAnswers(() => ['127.0.0.1'], [outside.address]);
    await expect(callAdapter(adapter, 'get', { url: `${outside.url}/go` })).rejects.toMatchObject({
      code: 'EGRESS_DENIED',
    });
    expect([outside.connections(), inside.connections()]).toEqual([1, 0]);
  });

  it('to a name that leads inside is refused', async () => {
    const inside = await origin();
    const outside = await origin(`http://harmless.example:${inside.port}/`);
    const { adapter, lookups } = withAnswers(() => ['127.0.0.1'], [outside.address]);
    await expect(callAdapter(adapter, 'get', { url: `${outside.url}/go` })).rejects.toMatchObject({
      code: 'EGRESS_DENIED',
    });
    expect([lookups(), inside.connections()]).toEqual([1, 0]);
  });

  it.each([
    'file:///etc/passwd',
    'ftp://example.org/',
    'data:text/plain,x',
    'http://169.254.169.254/',
    '//10.0.0.1/',
    'http://example.org:22/',
  ])('to %s is refused', async (location) => {
    const outside = await origin(location);
    const { adapter } = withAnswers(() => ['127.0.0.1'], [outside.address]);
    await expect(callAdapter(adapter, 'get', { url: `${outside.url}/go` })).rejects.toMatchObject({
      code: 'EGRESS_DENIED',
    });
  });

  it.each(['http://user:pass@example.org/', 'http://[broken/', `/${'x'.repeat(20_000)}`])(
    'to %s is a bad answer',
    async (location) => {
      const outside = await origin(location);
      const { adapter } = withAnswers(() => [], [outside.address]);
      expect(await callAdapter(adapter, 'get', { url: `${outside.url}/go` })).toMatchObject({ code: 'BAD_RESPONSE' });
    },
  );

  it('is followed five times and no further', async () => {
    const server = await startOrigin((request, response) => {
      const left = Number(request.url?.slice(1));
      if (left > 0) response.writeHead(302, { location: `./${left - 1}` });
      response.end('there');
    });
    opened.push(() => server.close());
    const { adapter } = withAnswers(() => [], [server.address]);
    expect(await callAdapter(adapter, 'get', { url: `${server.url}/5` })).toMatchObject({ status: 200, text: 'there' });
    expect(await callAdapter(adapter, 'get', { url: `${server.url}/6` })).toMatchObject({ code: 'TOO_MANY_REDIRECTS' });
    expect(await callAdapter(adapter, 'get', { url: `${server.url}/20` })).toMatchObject({
      code: 'TOO_MANY_REDIRECTS',
    });
  });

  it.each([
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [303, 'HEAD', 'HEAD'],
    [301, 'PUT', 'PUT'],
    [307, 'POST', 'POST'],
    [308, 'PATCH', 'PATCH'],
  ])('with %i turns %s into %s', async (status, method, then) => {
    const target = await origin();
    const server = await origin(`${target.url}/`, status);
    const { adapter } = withAnswers(() => [], [server.address, target.address]);
    const input = {
      url: `${server.url}/go`,
      method,
      ...(method === 'HEAD' ? {} : { rawBody: 'abc', headers: { 'content-type': 'a/b' } }),
    };
    const { text } = await callAdapter(adapter, 'fetch', input);
    if (method === 'HEAD') return expect(text).toBe('');
    const seen = JSON.parse(String(text));
    expect(seen.method).toBe(then);
    expect([seen.headers['content-length'], seen.headers['content-type']]).toEqual(
      then === 'GET' ? [undefined, undefined] : ['3', 'a/b'],
    );
  });

  it('to another origin carries no header that may hold a secret', async () => {
    const target = await origin();
    const server = await origin(`${target.url}/`);
    const same = await origin('/');
    const { adapter } = withAnswers(() => [], [server.address, target.address, same.address]);
    const secrets = {
      Authorization: 'Bearer x',
      Cookie: 'a=1',
      'X-Api-Key': 'k',
      'X-BAPI-SIGN': 's',
      'x-session-token': 't',
    };
    const seen = async (url: string): Promise<string[]> => {
      const { text } = await callAdapter(adapter, 'get', { url: `${url}/go`, headers: { ...secrets, 'x-trace': '1' } });
      return Object.keys(JSON.parse(String(text)).headers);
    };
    const elsewhere = await seen(server.url);
    expect(elsewhere).toContain('x-trace');
    for (const name of Object.keys(secrets)) expect(elsewhere).not.toContain(name.toLowerCase());
    expect(await seen(same.url)).toEqual(
      expect.arrayContaining(Object.keys(secrets).map((name) => name.toLowerCase())),
    );
  });
});
