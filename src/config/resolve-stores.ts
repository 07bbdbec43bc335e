/** Where state is kept, from a valid configuration to options of the engine. */
import { resolve } from 'node:path';
import type { RedisStoreOptions, RuntimeOptions, TlsOptions } from '../runtime.ts';
import type { IsWrong, Report } from './resolve.ts';
import type { Config } from './schema.ts';
import { GROUP_DEFAULT } from './store-schema.ts';

type StoreOptions = Pick<RuntimeOptions, 'postgres' | 'redis' | 'state' | 'placement'>;
type Tls = NonNullable<Config['postgres']>['tls'];
type Sentinel = NonNullable<Config['redis']>['sentinel'];

/** Nothing where state is kept in the data folder: the rest has no meaning then. */
export function storeOptions({ postgres, redis, state, placement }: Config, folder: string): StoreOptions {
  if (postgres === undefined) return {};
  return {
    postgres: withTls(postgres, folder),
    ...(redis === undefined ? {} : { redis: withSentinel(withTls(redis, folder)) }),
    state: {
      ...(state.ack === undefined ? {} : { ack: state.ack }),
      checkpointMs: state.checkpoint,
      unsyncedMs: state.unsyncedMax,
    },
    placement: { group: placement.group, leaseMs: placement.lease },
  };
}

function withTls<Given extends { readonly tls?: Tls }>(
  { tls, ...rest }: Given,
  folder: string,
): Omit<Given, 'tls'> & { readonly tls?: TlsOptions } {
  if (tls === undefined) return rest;
  const { ca, cert, key, verify } = tls;
  const path = (file: string): string => resolve(folder, file);
  return {
    ...rest,
    tls: {
      verify,
      ...(ca === undefined ? {} : { ca: path(ca) }),
      ...(cert === undefined ? {} : { cert: path(cert) }),
      ...(key === undefined ? {} : { key: path(key) }),
    },
  };
}

/** A key that is not there is none, which the types tell apart from one that is undefined. */
function withSentinel<Given extends { readonly sentinel?: Sentinel }>({
  sentinel,
  ...rest
}: Given): Omit<Given, 'sentinel'> & Pick<RedisStoreOptions, 'sentinel'> {
  if (sentinel === undefined) return rest;
  const { username, password } = sentinel;
  return { ...rest, sentinel: { ...(username === undefined ? {} : { username }), password } };
}

/** What no single key can say. */
export function checkStores({ postgres, redis, state, placement }: Config, report: Report, isWrong: IsWrong): void {
  if (isWrong('postgres') || isWrong('redis') || isWrong('state') || isWrong('placement')) return;
  if (redis !== undefined && postgres === undefined)
    report(
      ['redis'],
      'Redis alone can lose what it has acknowledged; add postgres.url beside it, or take redis out to keep state in the data folder',
      'key',
    );
  if (state.ack !== undefined && postgres === undefined) report(['state', 'ack'], 'it means nothing without postgres');
  else if (state.ack === 'redis' && redis === undefined) report(['state', 'ack'], 'there is no redis.url');
  if (placement.group !== GROUP_DEFAULT && postgres === undefined)
    report(['placement', 'group'], 'it means nothing without postgres');
  if (redis !== undefined && state.checkpoint > state.unsyncedMax)
    report(['state', 'checkpoint'], 'it must not be longer than state.unsyncedMax');
}
