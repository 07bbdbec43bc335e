/**
 * The four ways to name a Redis:
 *
 *     redis://user:password@host:6379/0                        one server
 *     redis+sentinel://user:password@s1:26379,s2:26379/master/0  whoever the sentinels name
 *     redis+cluster://user:password@n1:6379,n2:6379              a cluster; some of its nodes are enough
 *     rediss://, rediss+sentinel://, rediss+cluster://           the same over TLS
 */
import { RuntimeError } from '../../core/errors.ts';

export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

export interface RedisAddress {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  readonly tls: boolean;
  readonly hosts: readonly [RedisHost, ...RedisHost[]];
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Of the sentinels' master. */
  readonly master: string | undefined;
  readonly db: number;
  /** Without user and password, for messages. */
  readonly shown: string;
}

const FORM = /^(rediss?)(\+sentinel|\+cluster)?:\/\/(?:([^@/]*)@)?([^/?#]+)(?:\/([^?#]*))?$/;
const HOST = /^(\[[0-9a-fA-F:.]+\]|[^\s@:[\]]+)(?::(\d{1,5}))?$/;
const PORT = { single: 6_379, sentinel: 26_379, cluster: 6_379 } as const;

/** @throws RuntimeError CONFIG_INVALID */
export function parseRedisUrl(url: string): RedisAddress {
  const [, scheme, variant, user = '', hostList = '', path = ''] = FORM.exec(url) ?? [];
  if (scheme === undefined)
    throw invalid('it is not one of redis://, rediss://, redis+sentinel:// and redis+cluster:// with host:port');
  const kind = variant === '+sentinel' ? 'sentinel' : variant === '+cluster' ? 'cluster' : 'single';
  const hosts = hostList.split(',').map((text) => parseHost(text, PORT[kind]));
  const [first, ...rest] = hosts;
  if (first === undefined || (kind === 'single' && rest.length > 0))
    throw invalid('it names several hosts; write redis+sentinel:// or redis+cluster:// for them');
  const [username, password] = parseUser(user);
  const parts = path.split('/').filter((part) => part !== '');
  const master = kind === 'sentinel' ? parts.shift() : undefined;
  if (kind === 'sentinel' && master === undefined)
    throw invalid(
      'behind the sentinels the name of their master is missing, as in redis+sentinel://host:26379/mymaster',
    );
  const db = parts.shift() ?? '0';
  if (!/^\d{1,4}$/.test(db) || parts.length > 0)
    throw invalid('behind the host only the number of a database may stand');
  if (kind === 'cluster' && db !== '0') throw invalid('a cluster has database 0 only');
  const shown = `${scheme}${variant ?? ''}://${hostList}${path === '' ? '' : `/${path}`}`;
  const tls = scheme === 'rediss';
  return { kind, tls, hosts: [first, ...rest], username, password, master, db: Number(db), shown };
}

function parseHost(text: string, portDefault: number): RedisHost {
  const [, host, port] = HOST.exec(text) ?? [];
  // It is not shown: a password with / or @ in it would stand here.
  if (host === undefined || Number(port ?? portDefault) > 65_535 || Number(port) === 0)
    throw invalid('where host:port should be is something else; write special characters of user and password as %xx');
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? portDefault) };
}

function parseUser(user: string): [username: string | undefined, password: string | undefined] {
  if (user === '') return [undefined, undefined];
  const colon = user.indexOf(':');
  try {
    const name = decodeURIComponent(colon < 0 ? user : user.slice(0, colon));
    const password = colon < 0 ? undefined : decodeURIComponent(user.slice(colon + 1));
    return [name === '' ? undefined : name, password];
  } catch {
    throw invalid('user or password has a % that is not followed by two digits; write it as %25');
  }
}

function invalid(why: string): RuntimeError {
  return new RuntimeError('CONFIG_INVALID', `redis.url cannot be used: ${why}.`);
}
