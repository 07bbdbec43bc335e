/**
 * Opens the sockets of `ctx.http`. The guard sits here, at the dial, because everything before it can be got around: undici
 * never asks a `lookup` hook about IP literals, and a name can answer differently the second time.
 */
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import type { buildConnector } from 'undici';
import type { EgressGuard } from './guard.ts';
import type { Lookup } from './resolver.ts';

/** Name, TCP and TLS handshake together, ms. The request's own deadline is usually what ends first. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Of a name with more addresses than this the first ones are dialled; all are checked. */
const ADDRESSES_DIALLED_MAX = 8;
const TLS_SESSIONS_MAX = 64;

export interface ConnectorParts {
  readonly guard: EgressGuard;
  readonly lookup: Lookup;
  readonly lookupListed: Lookup;
  readonly secureContext: SecureContext;
  /** Does anyone still wait for a connection to this origin? Asked after the lookup. */
  readonly wanted: (origin: string) => boolean;
  /** Told about every socket before it connects. */
  readonly opened: (socket: Socket, origin: string) => void;
}

/**
 * Mozilla's roots as Node carries them and TLS 1.2 at least. Made once: parsing the roots takes milliseconds.
 * `NODE_EXTRA_CA_CERTS`, `NODE_TLS_REJECT_UNAUTHORIZED` and the machine's own store change nothing for workers.
 */
export function createWorkerSecureContext(extraRoots: readonly string[] = []): SecureContext {
  return createSecureContext({ ca: [...getCACertificates('bundled'), ...extraRoots], minVersion: 'TLSv1.2' });
}

/** A lookup that answers with what was checked, whatever it is asked: there is no second resolution. */
function pinned(addresses: readonly string[]): LookupFunction {
  const answers = addresses.slice(0, ADDRESSES_DIALLED_MAX).map((address) => ({ address, family: isIP(address) }));
  return (_hostname, options, done) => {
    const [first] = answers;
    if (first === undefined) done(new Error('no address was checked'), []);
    else if (options.all === true) done(null, answers);
    else done(null, first.address, first.family);
  };
}

export function createConnector(parts: ConnectorParts): buildConnector.connector {
  const sessions = new Map<string, Buffer>();

  const checkedAddresses = async (hostname: string, port: number): Promise<readonly string[]> => {
    const lookup = parts.guard.isListed(hostname, port) ? parts.lookupListed : parts.lookup;
    const addresses = isIP(hostname) === 0 ? await lookup(hostname) : [hostname];
    // SECURITY: literals and names alike, on what will be dialled. Test: http-egress.test.ts "it dials nothing for a literal that the guard refuses".
    parts.guard.checkDial(hostname, port, addresses);
    return addresses;
  };

  const dial = (options: buildConnector.Options, port: number, addresses: readonly string[]): Socket => {
    const common = { host: options.hostname, port, lookup: pinned(addresses), autoSelectFamily: true };
    if (options.protocol !== 'https:') return connectTcp({ ...common, noDelay: true, keepAlive: true });
    const key = `${options.hostname}:${port}`;
    const session = sessions.get(key);
    const socket = connectTls({
      ...common,
      ...(isIP(options.hostname) === 0 ? { servername: options.hostname } : {}),
      ...(session === undefined ? {} : { session }),
      secureContext: parts.secureContext,
      // SECURITY: said here so that NODE_TLS_REJECT_UNAUTHORIZED=0 cannot turn it off. Test: "refuses a self-signed certificate".
      rejectUnauthorized: true,
      ALPNProtocols: ['http/1.1'],
    });
    socket.on('session', (next) => {
      const oldest = sessions.size < TLS_SESSIONS_MAX || sessions.has(key) ? undefined : sessions.keys().next().value;
      if (oldest !== undefined) sessions.delete(oldest);
      sessions.set(key, next);
    });
    return socket;
  };

  return (options, callback) => {
    const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80);
    // `host` carries the port unless it is the scheme's own, as an origin does.
    const origin = `${options.protocol}//${options.host ?? options.hostname}`;
    const hostname = options.hostname.endsWith('.') ? options.hostname.slice(0, -1) : options.hostname;
    let opened: Socket | null = null;
    let answered = false;
    const answer = (error: Error | null, socket?: Socket): void => {
      if (answered) return;
      answered = true;
      clearTimeout(timer);
      if (error === null && socket !== undefined) callback(null, socket);
      else callback(error ?? new Error('no socket'), null);
    };
    const timer = setTimeout(() => {
      answer(Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' }));
      opened?.destroy();
    }, CONNECT_TIMEOUT_MS);
    const open = (addresses: readonly string[]): void => {
      if (answered) return;
      if (!parts.wanted(origin)) throw new Error('nobody waits for this connection any more');
      const socket = dial({ ...options, hostname }, port, addresses);
      opened = socket;
      parts.opened(socket, origin);
      socket.on('error', (error) => answer(error));
      socket.once('close', () => answer(Object.assign(new Error('closed too early'), { code: 'ECONNRESET' })));
      socket.once(options.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
        try {
          // SECURITY: the last look, at the address the kernel connected to, before a byte is sent.
          // Test: http-egress.test.ts "is looked at once more when the connection stands".
          parts.guard.checkDial(hostname, port, [socket.remoteAddress ?? '']);
        } catch (error) {
          socket.destroy(asError(error));
          return;
        }
        answer(null, socket);
      });
    };
    checkedAddresses(hostname, port)
      .then(open)
      .catch((error: unknown) => answer(asError(error)));
  };
}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
