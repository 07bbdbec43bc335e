/**
 * Is an IP address one of the public internet? Everything that IANA's special-purpose registries set aside is not, nor are
 * the addresses at which clouds serve machine credentials. IPv6 is judged the other way round: only 2000::/3 is handed out
 * for global unicast, so all else is refused, known or not.
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** https://www.iana.org/assignments/iana-ipv4-special-registry, plus multicast and the deprecated 6to4 relay. */
const DENIED_V4 = [
  ['0.0.0.0/8', 'this network'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'shared by carriers'],
  ['127.0.0.0/8', 'this machine'],
  ['169.254.0.0/16', 'link-local'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'reserved'],
  ['192.0.2.0/24', 'documentation'],
  ['192.88.99.0/24', 'reserved'],
  ['192.168.0.0/16', 'private'],
  ['198.18.0.0/15', 'benchmarking'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
  // Azure serves machine credentials from this one, in the middle of a public range.
  ['168.63.129.16/32', 'metadata service'],
] as const;

/** What is not public inside 2000::/3: https://www.iana.org/assignments/iana-ipv6-special-registry. */
const DENIED_V6 = [
  ['2001::/23', 'reserved'],
  ['2001:db8::/32', 'documentation'],
  ['2002::/16', '6to4'],
  ['3fff::/20', 'documentation'],
] as const;

/** Where machines get their credentials. A name, even one the operator allowed, never leads there; only a literal does. */
const METADATA = ['169.254.0.0/16', '168.63.129.16/32', '100.100.100.200/32', 'fe80::/10', 'fd00:ec2::/32'] as const;

type Address = ReturnType<typeof ipaddr.parse>;
type Cidr = ReturnType<typeof ipaddr.parseCIDR>;

const compile = (
  rows: readonly (readonly [cidr: string, what: string])[],
): readonly (readonly [Cidr, string, string])[] => rows.map(([cidr, what]) => [ipaddr.parseCIDR(cidr), cidr, what]);

const V4 = compile(DENIED_V4);
const V6 = compile(DENIED_V6);
const META = compile(METADATA.map((cidr) => [cidr, '']));
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

const within = (address: Address, range: Cidr): boolean => address.kind() === range[0].kind() && address.match(range);

/** The address, with an IPv4 one taken out of `::ffff:0:0/96`; null for what is not exactly one address. */
function parseAddress(text: string): Address | null {
  // The parser below also takes `0x7f.1` and zone ids; what is dialled never looks like that.
  if (isIP(text) === 0 || text.includes('%')) return null;
  return ipaddr.process(text);
}

/** One spelling per address, so that two of them can be compared as text. Null for what is not an address. */
export function canonicalAddress(text: string): string | null {
  return parseAddress(text)?.toString() ?? null;
}

/**
 * Why `text` may not be dialled, or null for a public address.
 * SECURITY: every dialled address passes here; `egress-guard.test.ts` walks every range and its neighbours.
 */
export function denyAddress(text: string): string | null {
  const address = parseAddress(text);
  if (address === null) return 'not an IP address';
  if (address.kind() === 'ipv6' && !within(address, GLOBAL_UNICAST)) return 'not public (outside 2000::/3)';
  const row = (address.kind() === 'ipv4' ? V4 : V6).find(([range]) => within(address, range));
  return row === undefined ? null : `not public (${row[2]}, ${row[1]})`;
}

/** Is it an address at which clouds hand out credentials? */
export function isMetadataAddress(text: string): boolean {
  const address = parseAddress(text);
  return address !== null && META.some(([range]) => within(address, range));
}
