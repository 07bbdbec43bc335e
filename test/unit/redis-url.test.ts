import { describe, expect, test } from 'vitest';
import { parseRedisUrl } from '../../src/store/redis/redis-url.ts';

const one = { kind: 'single', tls: false, username: undefined, password: undefined, master: undefined, db: 0 };
const a = { host: 'a', port: 6_379 };

describe('a URL of a Redis', () => {
  test.each([
    ['redis://a', { ...one, hosts: [a], shown: 'redis://a' }],
    ['redis://a/', { ...one, hosts: [a], shown: 'redis://a' }],
    ['redis://a:1/15', { ...one, hosts: [{ host: 'a', port: 1 }], db: 15, shown: 'redis://a:1/15' }],
    ['rediss://a', { ...one, tls: true, hosts: [a], shown: 'rediss://a' }],
    ['redis://:pw@a', { ...one, hosts: [a], password: 'pw', shown: 'redis://a' }],
    ['redis://me@a', { ...one, hosts: [a], username: 'me', shown: 'redis://a' }],
    ['redis://me:p:w@a', { ...one, hosts: [a], username: 'me', password: 'p:w', shown: 'redis://a' }],
    ['redis://m%40e:p%2Fw%25%C3%BC@a', { ...one, hosts: [a], username: 'm@e', password: 'p/w%ü', shown: 'redis://a' }],
    ['redis://[::1]', { ...one, hosts: [{ host: '::1', port: 6_379 }], shown: 'redis://[::1]' }],
    ['redis://[fe80::1]:7/2', { ...one, hosts: [{ host: 'fe80::1', port: 7 }], db: 2, shown: 'redis://[fe80::1]:7/2' }],
    [
      'redis+sentinel://me:pw@a,b:1/main',
      {
        ...one,
        kind: 'sentinel',
        hosts: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 1 },
        ],
        username: 'me',
        password: 'pw',
        master: 'main',
        shown: 'redis+sentinel://a,b:1/main',
      },
    ],
    [
      'rediss+sentinel://a/main/3',
      {
        ...one,
        kind: 'sentinel',
        tls: true,
        hosts: [{ host: 'a', port: 26_379 }],
        master: 'main',
        db: 3,
        shown: 'rediss+sentinel://a/main/3',
      },
    ],
    [
      'redis+cluster://a,[::1]:1',
      { ...one, kind: 'cluster', hosts: [a, { host: '::1', port: 1 }], shown: 'redis+cluster://a,[::1]:1' },
    ],
    ['rediss+cluster://a/0', { ...one, kind: 'cluster', tls: true, hosts: [a], shown: 'rediss+cluster://a/0' }],
  ])('%s says where and how', (url, address) => {
    expect(parseRedisUrl(url)).toEqual(address);
  });

  test.each([
    ['', 'it is not one of'],
    ['a:6379', 'it is not one of'],
    ['http://a', 'it is not one of'],
    ['redis+proxy://a', 'it is not one of'],
    ['redis://', 'it is not one of'],
    ['redis://a?db=1', 'it is not one of'],
    ['redis://a#1', 'it is not one of'],
    ['redis://a,b', 'it names several hosts'],
    ['redis://a:0', 'where host:port should be'],
    ['redis://a:65536', 'where host:port should be'],
    ['redis://a:x', 'where host:port should be'],
    ['redis://::1', 'where host:port should be'],
    ['redis://[::1', 'where host:port should be'],
    ['redis+cluster://a,,b', 'where host:port should be'],
    ['redis+sentinel://a', 'the name of their master is missing'],
    ['redis://a/x', 'only the number of a database'],
    ['redis://a/10000', 'only the number of a database'],
    ['redis://a/0/1', 'only the number of a database'],
    ['redis+sentinel://a/main/0/1', 'only the number of a database'],
    ['redis+cluster://a/1', 'a cluster has database 0 only'],
    ['redis://me:%zz@a', 'followed by two digits; write it as %25'],
  ])('"%s" is refused: %s', (url, why) => {
    expect(() => parseRedisUrl(url)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(() => parseRedisUrl(url)).toThrow(why);
  });

  test.each([
    'redis://me:se/cret@a',
    'redis://me:x@se/cret@a',
    'redis://me:x@secret@a',
    'redis://me:se:cret/@a',
    'redis://me:%secret@a',
  ])('"%s", with a password that is not escaped, is refused without showing it', (url) => {
    expect(() => parseRedisUrl(url)).toThrow(expect.objectContaining({ message: expect.not.stringMatching(/cret/) }));
  });
});
