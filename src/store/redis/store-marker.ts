/**
 * To which Postgres the keys of a prefix and node group belong: a hash beside the workers' own, made by the first start. Two Postgres with
 * one Redis and one prefix would take each other's workers for their own. What is lost with the marker, each worker's hash says again.
 */
import { RuntimeError } from '../../core/errors.ts';
import type { StoreIdentity } from '../postgres/store-identity.ts';
import type { RedisClient } from './redis-client.ts';
import { HOLD } from './scripts.ts';

/** @throws RuntimeError STORE_UNUSABLE where they belong to another Postgres; STORE_UNAVAILABLE */
export async function holdStore(client: RedisClient, { id, where }: StoreIdentity): Promise<void> {
  const key = `${client.prefix}:store`;
  const reply = await client.probe({ script: HOLD, key, args: [id, where, new Date().toISOString()] });
  if (!Array.isArray(reply)) return;
  const [other, place, since] = reply.map((part) => (typeof part === 'string' ? part : 'unknown'));
  const which = place === where ? `an earlier Postgres at the same place, ${place}` : `another Postgres, ${place}`;
  throw new RuntimeError(
    'STORE_UNUSABLE',
    `Redis at ${client.where} holds under \`${client.prefix}\` the state of ${which} (store ${other}, since ${since}; this one is ${id}). Give this one another redis.prefix. If that Postgres is gone for good, docs/operations.md, "One Redis, several deployments", tells how to adopt or delete what Redis has.`,
  );
}
