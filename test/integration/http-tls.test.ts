import { once } from 'node:events';
import { createServer, type ServerOptions } from 'node:https';
import { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpAdapter } from '../../adapters/http/adapter.ts';
import { callAdapter } from '../support/adapter-call.ts';
import { createCertificate } from '../support/self-signed.ts';

const opened: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

/** A TLS server that every name leads to, and a GET to it. */
async function getFrom(hostname: string, server: ServerOptions, extraRoots: readonly string[] = []) {
  const listener = createServer(server, (request, response) => {
    response.end(
      JSON.stringify([request.headers.host, request.socket instanceof TLSSocket && request.socket.isSessionReused()]),
    );
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const bound = listener.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  const adapter = createHttpAdapter(
    { allowPrivate: [`127.0.0.1:${bound.port}`] },
    { lookup: async () => ['127.0.0.1'], extraRoots },
  );
  opened.push(
    () => new Promise((resolve) => listener.close(resolve)),
    () => adapter.close?.(),
  );
  return {
    port: bound.port,
    listener,
    get: () => callAdapter(adapter, 'get', { url: `https://${hostname}:${bound.port}/` }),
  };
}

describe('TLS', () => {
  it('works with a trusted certificate for this name and resumes its session', async () => {
    const made = createCertificate('secure.example');
    const server = await getFrom('secure.example', made, [made.cert]);
    expect(await server.get()).toMatchObject({ status: 200, text: `["secure.example:${server.port}",false]` });
    server.listener.closeIdleConnections();
    server.listener.closeAllConnections();
    expect(await server.get()).toMatchObject({ status: 200, text: `["secure.example:${server.port}",true]` });
  });

  it('refuses a self-signed certificate, whatever the environment says', async () => {
    const { get } = await getFrom('secure.example', createCertificate('secure.example'));
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      expect(await get()).toMatchObject({ code: 'TLS_FAILED' });
    } finally {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
    }
  });

  it('refuses a certificate for another name', async () => {
    const made = createCertificate('other.example');
    const { get } = await getFrom('secure.example', made, [made.cert]);
    expect(await get()).toMatchObject({ code: 'TLS_FAILED' });
  });

  it('refuses a certificate that has expired', async () => {
    const made = createCertificate('secure.example', -1);
    const { get } = await getFrom('secure.example', made, [made.cert]);
    expect(await get()).toMatchObject({ code: 'TLS_FAILED' });
  });

  it('refuses TLS 1.1', async () => {
    const made = createCertificate('secure.example');
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    const { get } = await getFrom('secure.example', { ...made, ...old }, [made.cert]);
    expect(await get()).toMatchObject({ code: 'TLS_FAILED' });
  });
});
