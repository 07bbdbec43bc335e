/**
 * A second opinion on addresses: the same registries, written down again and judged with plain integers. It shares no code with
 * adapters/http/address.ts, so that one mistake does not confirm itself.
 */
export const V4_BITS = 32;
export const V6_BITS = 128;

export const DENIED_RANGES: readonly string[] = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4', '168.63.129.16/32', '100.100.100.200/32', '169.254.169.254/32'],
  ...['0:0:0:0:0:0:0:0/128', '0:0:0:0:0:0:0:1/128', '64:ff9b:0:0:0:0:0:0/96', '64:ff9b:1:0:0:0:0:0/48'],
  ...['100:0:0:0:0:0:0:0/64', '2001:0:0:0:0:0:0:0/23', '2001:db8:0:0:0:0:0:0/32', '2002:0:0:0:0:0:0:0/16'],
  ...['3fff:0:0:0:0:0:0:0/20', 'fc00:0:0:0:0:0:0:0/7', 'fe80:0:0:0:0:0:0:0/10', 'fec0:0:0:0:0:0:0:0/10'],
  ...['ff00:0:0:0:0:0:0:0/8', 'fd00:ec2:0:0:0:0:0:254/128', '5f00:0:0:0:0:0:0:0/16', '4000:0:0:0:0:0:0:0/2'],
  ...['0:0:0:0:0:ffff:7f00:0/104', '0:0:0:0:0:ffff:a00:0/104', '0:0:0:0:0:ffff:a9fe:0/112'],
];

export interface Range {
  readonly first: bigint;
  readonly last: bigint;
  readonly bits: number;
}

/** `a.b.c.d/n`, or eight groups and `/n`. */
export function rangeOf(cidr: string): Range {
  const [address = '', length = ''] = cidr.split('/');
  const bits = address.includes(':') ? V6_BITS : V4_BITS;
  const parts =
    bits === V6_BITS ? address.split(':').map((part) => BigInt(`0x${part}`)) : address.split('.').map(BigInt);
  const width = bits === V6_BITS ? 16n : 8n;
  const value = parts.reduce((sum, part) => (sum << width) | part, 0n);
  const free = BigInt(bits - Number(length));
  const first = (value >> free) << free;
  return { first, last: first + (1n << free) - 1n, bits };
}

const RANGES = DENIED_RANGES.map(rangeOf);
const MAPPED = rangeOf('0:0:0:0:0:ffff:0:0/96');
const GLOBAL = rangeOf('2000:0:0:0:0:0:0:0/3');

const within = (value: bigint, range: Range): boolean => value >= range.first && value <= range.last;

export function isPublic(value: bigint, bits: number): boolean {
  if (bits === V6_BITS && within(value, MAPPED)) return isPublic(value & 0xffff_ffffn, V4_BITS);
  if (bits === V6_BITS && !within(value, GLOBAL)) return false;
  return !RANGES.some((range) => range.bits === bits && within(value, range));
}

export function formatAddress(value: bigint, bits: number): string {
  const groups = bits === V6_BITS ? 8 : 4;
  const width = bits === V6_BITS ? 16n : 8n;
  const parts = Array.from(
    { length: groups },
    (_, i) => (value >> (width * BigInt(groups - 1 - i))) & ((1n << width) - 1n),
  );
  return bits === V6_BITS ? parts.map((part) => part.toString(16)).join(':') : parts.join('.');
}
