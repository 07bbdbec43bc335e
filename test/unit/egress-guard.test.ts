import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalAddress, denyAddress } from '../../adapters/http/address.ts';
import { createEgressGuard } from '../../adapters/http/guard.ts';
import { isAllowedPort } from '../../adapters/http/ports.ts';
import { toRuntimeError } from '../../src/core/errors.ts';
import { DENIED_RANGES, formatAddress, isPublic, rangeOf, V4_BITS, V6_BITS } from '../support/address-oracle.ts';

const guard = createEgressGuard([], () => []);

function verdict(text: string): string {
  try {
    guard.checkUrl(new URL(text));
    return 'allowed';
  } catch (error) {
    // A text that is no URL at all is refused before the guard sees it.
    return error instanceof TypeError ? 'no URL' : toRuntimeError(error).code;
  }
}

describe('the address guard', () => {
  it.each(DENIED_RANGES)(
    'refuses the first, the middle and the last address of %s and judges its neighbours',
    (cidr) => {
      const { first, last, bits } = rangeOf(cidr);
      for (const inside of [first, (first + last) / 2n, last]) {
        expect(denyAddress(formatAddress(inside, bits)), formatAddress(inside, bits)).not.toBeNull();
      }
      const end = bits === V4_BITS ? 2n ** 32n - 1n : 2n ** 128n - 1n;
      for (const outside of [first - 1n, last + 1n].filter((value) => value >= 0n && value <= end)) {
        const text = formatAddress(outside, bits);
        expect(denyAddress(text) === null, text).toBe(isPublic(outside, bits));
      }
    },
  );

  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00:1450:4001::1',
    '::ffff:8.8.8.8',
  ])('lets the public address %s through', (address) => {
    expect(denyAddress(address)).toBeNull();
  });

  it.each(['', 'example.org', '127.1', '0x7f.0.0.1', 'fe80::1%eth0', '2606:4700::1%1', '1.1.1.1 ', '[::1]', '::1/128'])(
    'refuses %j, which is not exactly one address',
    (text) => {
      expect(denyAddress(text)).not.toBeNull();
      expect(canonicalAddress(text)).toBeNull();
    },
  );

  it('agrees with a classifier written from the registries on random IPv4 addresses', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), (value) => {
        const address = BigInt(value);
        expect(denyAddress(formatAddress(address, V4_BITS)) === null).toBe(isPublic(address, V4_BITS));
      }),
      { numRuns: 20_000 },
    );
  });

  it('agrees with it on IPv6 addresses, random and near the edges of the ranges', () => {
    const edges = DENIED_RANGES.map(rangeOf).filter((range) => range.bits === V6_BITS);
    const near = fc
      .tuple(fc.constantFrom(...edges), fc.bigInt(-3n, 3n), fc.boolean())
      .map(([range, offset, low]) => (low ? range.first : range.last) + offset);
    const any = fc.bigInt(0n, 2n ** 128n - 1n);
    const global = fc.bigInt(2n ** 125n, 2n ** 126n - 1n);
    fc.assert(
      fc.property(fc.oneof(near, any, global), (value) => {
        const address = BigInt.asUintN(128, value);
        expect(denyAddress(formatAddress(address, V6_BITS)) === null).toBe(isPublic(address, V6_BITS));
      }),
      { numRuns: 20_000 },
    );
  });

  it('gives one verdict for an IPv4 address however a URL spells it', () => {
    const part = fc.constantFrom<(n: number) => string>(
      (n) => String(n),
      (n) => `0x${n.toString(16)}`,
      (n) => `0${n.toString(8)}`,
      (n) => `0X${n.toString(16).toUpperCase()}`,
    );
    fc.assert(
      fc.property(
        fc.nat(0xffff_ffff),
        fc.array(part, { minLength: 4, maxLength: 4 }),
        fc.integer({ min: 1, max: 4 }),
        (value, spell, parts) => {
          const bytes = [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
          const tail = bytes.slice(parts - 1).reduce((sum, byte) => sum * 256 + byte, 0);
          const numbers = [...bytes.slice(0, parts - 1), tail];
          const host = numbers.map((n, i) => spell[i]?.(n) ?? String(n)).join('.');
          const expected = isPublic(BigInt(value), V4_BITS) ? 'allowed' : 'EGRESS_DENIED';
          expect(verdict(`http://${host}/`), host).toBe(expected);
        },
      ),
      { numRuns: 10_000 },
    );
  });
});

/** Spellings of this machine, of networks' insides and of metadata services, with other digits and dots that a URL maps to ASCII. */
const HOSTILE_HOSTS = `
  127.0.0.1 127.1 127.0.1 2130706433 017700000001 0x7f000001 0x7f.1 0x7f.0.0.1 0X7F.0X0.0X0.0X1 0177.0.0.1
  0177.1 00000177.0.0.1 127.0.0.0x1 0x7f.0.0.01 127.000.000.001 127.0.0.1. 2130706433. 127.255.255.254 0
  0.0.0.0 0x0 00.00.00.00
  １２７.０.０.１ ①②⑦.⓪.⓪.① 127。0。0。1 127．0．0．1 127｡0｡0｡1 %31%32%37.0.0.1 127%2e0%2e0%2e1 loc\u00adalhost
  ｌｏｃａｌｈｏｓｔ ⓛⓞⓒⓐⓛⓗⓞⓢⓣ LOCALHOST localhost. a.localhost A.LocalHost.
  [::1] [0:0:0:0:0:0:0:1] [::] [0000::0001] [::ffff:127.0.0.1] [::FFFF:7F00:1] [0:0:0:0:0:ffff:7f00:0001]
  [::127.0.0.1] [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b:1::7f00:1] [2002:7f00:1::]
  [2001:0:7f00:1::] [fe80::1] [fe80::1%25eth0] [::1%25lo] [fc00::1] [fd00:ec2::254] [FD12:3456::1]
  [fec0::1] [ff02::1] [100::1] [2001:db8::1] [3fff::1] [5f00::1] [4000::1] [::ffff:169.254.169.254]
  169.254.169.254 2852039166 0xa9fea9fe 0xA9.0xFE.0xA9.0xFE 169.254.43518 100.100.100.200 168.63.129.16
  192.0.0.192 10.0.0.1 012.1 172.16.0.1 172.31.255.255 192.168.1.1 0300.0250.1 3232235777 198.18.0.1
  224.0.0.1 255.255.255.255 metadata.google.internal METADATA.GOOGLE.INTERNAL. metadata instance-data
  printer.local nas.lan db.corp router.home.arpa redis postgres.
`
  .trim()
  .split(/\s+/);

describe('the URL guard', () => {
  it.each(HOSTILE_HOSTS)('refuses http://%s/', (host) => {
    expect(verdict(`http://${host}/`)).not.toBe('allowed');
    expect(verdict(`https://${host}:8443/latest/meta-data`)).not.toBe('allowed');
  });

  it('knows more than sixty hostile spellings', () => {
    expect(new Set(HOSTILE_HOSTS).size).toBeGreaterThan(60);
  });

  it.each([
    'http:\\\\127.0.0.1\\',
    'http://example.org@127.0.0.1/',
    'http://example.org#@127.0.0.1/'.replace('example.org#', '10.0.0.1#'),
    'http:127.0.0.1',
    'http:///127.0.0.1/',
    'ht\ntp://127.0.0.1/',
    '\thttp://127.0.\n0.1/',
    'http://127.0.0.1\\@example.org/',
    'http://127.0.0.1?@example.org/',
  ])('reads %j as the one parser does and refuses it', (text) => {
    expect(verdict(text)).toBe('EGRESS_DENIED');
  });

  it.each([
    'file:///etc/passwd',
    'data:text/plain,hi',
    'blob:http://example.org/1',
    'ftp://example.org/',
    'gopher://example.org/',
    'ws://example.org/',
    'wss://example.org/',
    'unix:/var/run/docker.sock',
    'http+unix://%2Fvar%2Frun%2Fdocker.sock/',
    'javascript:alert(1)',
    'about:blank',
  ])('refuses the scheme of %s', (text) => {
    expect(verdict(text)).toBe('EGRESS_DENIED');
  });

  it.each([
    'http://example.org/',
    'https://api.example.org/v5?x=1',
    'http://example.org:8080/',
    'https://example.org:65535/',
    'http://1.1.1.1/',
    'http://[2606:4700:4700::1111]/',
    'https://local.example.org/',
    'https://internal.example.org./',
  ])('lets %s through', (text) => {
    expect(verdict(text)).toBe('allowed');
  });

  it.each([1, 22, 25, 53, 110, 445, 993, 1023, 2049, 2375, 3306, 5432, 6379, 6667, 9200, 11_211, 27_017])(
    'refuses port %i',
    (port) => {
      expect(isAllowedPort(port)).toBe(false);
      expect(verdict(`http://example.org:${port}/`)).toBe('EGRESS_DENIED');
    },
  );

  it('refuses an address of this machine even when it is public', () => {
    const own = createEgressGuard([], () => ['198.41.0.4', 'fe80::1%eth0']);
    expect(() => own.checkDial('a.example', 443, ['198.41.0.4'])).toThrow('not public');
    expect(() => own.checkDial('198.41.0.4', 443, ['198.41.0.4'])).toThrow('this machine itself');
    expect(() => own.checkDial('a.example', 443, ['198.41.0.5'])).not.toThrow();
  });

  it('does not tell a worker which address is behind a refused name', () => {
    expect(() => guard.checkDial('a.example', 443, ['10.20.30.40'])).toThrow(/^(?!.*10\.20).*not public/);
  });

  it('refuses a name without an address and one whose dialled address is unknown', () => {
    expect(() => guard.checkDial('a.example', 443, [])).toThrow('no address');
    expect(() => guard.checkDial('a.example', 443, [''])).toThrow('not public');
  });
});

describe('allowPrivate', () => {
  const listed = createEgressGuard(['127.0.0.1:8787', '[::1]:9000', 'Mock.Internal:80', '10.0.0.5:6379'], () => []);
  const check = (url: string) => () => listed.checkUrl(new URL(url));

  it.each([
    'http://127.0.0.1:8787/',
    'http://127.1:8787/',
    'http://[::ffff:127.0.0.1]:8787/',
    'http://[::1]:9000/',
    'http://mock.internal/',
    'http://MOCK.INTERNAL./',
    'http://10.0.0.5:6379/',
  ])('lets %s through', (url) => {
    expect(check(url)).not.toThrow();
  });

  it.each([
    'http://127.0.0.1:8788/',
    'http://127.0.0.2:8787/',
    'http://[::1]:8787/',
    'https://mock.internal/',
    'http://a.mock.internal/',
    'http://10.0.0.5/',
  ])('still refuses %s', (url) => {
    expect(check(url)).toThrow('is refused');
  });

  it('lets a name through that leads to a listed address and port, and to no other', () => {
    expect(() => listed.checkDial('a.example', 8787, ['127.0.0.1'])).not.toThrow();
    expect(() => listed.checkDial('a.example', 8787, ['127.0.0.1', '127.0.0.2'])).toThrow('not public');
    expect(() => listed.checkDial('a.example', 8788, ['127.0.0.1'])).toThrow('not public');
  });

  it('never follows a listed name to a metadata service', () => {
    expect(() => listed.checkDial('mock.internal', 80, ['10.9.9.9'])).not.toThrow();
    for (const address of ['169.254.169.254', 'fd00:ec2::254', '100.100.100.200', '168.63.129.16', 'fe80::1']) {
      expect(() => listed.checkDial('mock.internal', 80, [address]), address).toThrow('not public');
    }
  });

  it.each([
    '127.0.0.1',
    ':80',
    'http://127.0.0.1:80',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '127.0.0.1:80/x',
    'a b:80',
    'user@host:80',
    '*:80',
    '10.0.0.0/8:80',
  ])('refuses the entry %j as configuration', (entry) => {
    expect(() => createEgressGuard([entry])).toThrow('is not host:port');
  });
});

describe('localhost', () => {
  const refusal = (listed: string) => {
    const some = createEgressGuard([listed], () => []);
    return () => some.checkUrl(new URL('http://localhost:8731/'));
  };

  it.each(['127.0.0.1:8731', '[::1]:8731'])('is told what to write where %s is listed', (listed) => {
    expect(refusal(listed)).toThrow(`The operator can list localhost:8731, or write ${listed} in the URL.`);
  });

  it('is reached where it is listed itself', () => {
    expect(refusal('localhost:8731')).not.toThrow();
  });
});
