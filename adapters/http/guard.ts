/**
 * Decides where a worker's request may go. It is asked twice: about the URL before anything happens (a clear and early
 * answer) and about the addresses right before the connector dials them (what isolation rests on). One parser, WHATWG `URL`,
 * reads the address for both and for the dial, so there are no two readings of one text.
 */
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { RuntimeError } from '../../src/core/errors.ts';
import { canonicalAddress, denyAddress, isMetadataAddress } from './address.ts';
import { isAllowedPort } from './ports.ts';

export interface EgressGuard {
  /** Throws EGRESS_DENIED for a URL whose scheme, name, port or literal address is refused. */
  checkUrl(url: URL): void;
  /** Throws EGRESS_DENIED unless every address may be dialled for this host and port. */
  checkDial(hostname: string, port: number, addresses: readonly string[]): void;
  /** Has the operator listed this very `host:port`? */
  isListed(hostname: string, port: number): boolean;
}

/** Names that only mean something inside a network: RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`, and habits. */
const INSIDE_NAMES = ['localhost', 'local', 'internal', 'intranet', 'lan', 'home', 'corp', 'home.arpa', 'localdomain'];

/** The host of a URL without brackets and without the dot that ends a full name. */
export function hostOf(url: URL): string {
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}

const target = (hostname: string, port: number): string =>
  `${canonicalAddress(hostname) ?? hostname.toLowerCase()} ${port}`;

/** `127.0.0.1:8787`, `[::1]:8787` or `name:8787`. Throws CONFIG_INVALID. */
function parseListed(entry: string): string {
  const match = /^([^\s/@?#*]+):(\d{1,5})$/.exec(entry);
  const [, host = '', port = ''] = match ?? [];
  if (match === null || Number(port) < 1 || Number(port) > 65_535 || !URL.canParse(`http://${host}/`)) {
    throw new RuntimeError(
      'CONFIG_INVALID',
      `http.allowPrivate: ${JSON.stringify(entry)} is not host:port. Write for example "127.0.0.1:8787" or "[::1]:8787".`,
    );
  }
  return target(hostOf(new URL(`http://${host}/`)), Number(port));
}

function denyName(hostname: string): string | null {
  const name = hostname.toLowerCase();
  const inside = INSIDE_NAMES.find((suffix) => name === suffix || name.endsWith(`.${suffix}`));
  if (inside !== undefined) return `names under "${inside}" lead inside a network`;
  return name.includes('.') ? null : 'a name without a dot leads inside a network';
}

const LOOPBACK = ['127.0.0.1', '::1'];

/** A name is not looked up to see whether its address is listed; of this one everybody knows the address. */
function listedByAddress(port: number, address: string): string {
  const listed = `${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
  return `localhost:${port} is refused: http.allowPrivate has ${listed}, not this name. The operator can list localhost:${port}, or write ${listed} in the URL.`;
}

function machineAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((one) => one.address));
}

/**
 * @param allowPrivate single `host:port`s that workers may reach although the rules refuse them.
 * @param ownAddresses the addresses of this machine; even a public one leads to services that trust it.
 */
export function createEgressGuard(
  allowPrivate: readonly string[] = [],
  ownAddresses: () => readonly string[] = machineAddresses,
): EgressGuard {
  const listed = new Set(allowPrivate.map(parseListed));
  const isListed = (hostname: string, port: number): boolean => listed.has(target(hostname, port));

  const deny = (hostname: string, port: number, why: string): RuntimeError => {
    const where = `${isIP(hostname) === 6 ? `[${hostname}]` : hostname}:${port}`;
    return new RuntimeError(
      'EGRESS_DENIED',
      `${where} is refused: ${why}. Workers reach public web servers only; the operator can allow one host and port under http.allowPrivate.`,
    );
  };

  return {
    isListed,
    checkUrl(url) {
      const hostname = hostOf(url);
      const port = portOf(url);
      if (url.protocol !== 'http:' && url.protocol !== 'https:') {
        throw new RuntimeError('EGRESS_DENIED', `${url.protocol} is refused. ctx.http speaks http and https only.`);
      }
      if (isListed(hostname, port)) return;
      if (isIP(hostname) !== 0) {
        const why = denyAddress(hostname);
        if (why !== null) throw deny(hostname, port, `the address is ${why}`);
      } else {
        const why = denyName(hostname);
        const address = LOOPBACK.find((one) => isListed(one, port));
        if (why !== null && hostname.toLowerCase() === 'localhost' && address !== undefined)
          throw new RuntimeError('EGRESS_DENIED', listedByAddress(port, address));
        if (why !== null) throw deny(hostname, port, why);
      }
      if (!isAllowedPort(port)) throw deny(hostname, port, 'the port belongs to a service that is not the web');
    },
    checkDial(hostname, port, addresses) {
      if (addresses.length === 0) throw deny(hostname, port, 'the name has no address');
      const own = new Set(ownAddresses().map((address) => canonicalAddress(address)));
      const literal = isIP(hostname) !== 0;
      const trusted = isListed(hostname, port);
      for (const address of addresses) {
        // SECURITY: one denied answer refuses them all, or a mixed answer would let the dialler choose.
        // Test: http-egress.test.ts "a name is refused when one of its answers is private".
        if (trusted && (literal || !isMetadataAddress(address))) continue;
        if (isListed(address, port)) continue;
        const why = denyAddress(address) ?? (own.has(canonicalAddress(address)) ? 'one of this machine itself' : null);
        // The address behind a name stays unsaid: it would map the inside of the operator's network.
        if (why !== null)
          throw deny(
            hostname,
            port,
            literal ? `the address is ${why}` : 'the name leads to an address that is not public',
          );
        if (!isAllowedPort(port)) throw deny(hostname, port, 'the port belongs to a service that is not the web');
      }
    },
  };
}
