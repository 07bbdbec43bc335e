/** What a Redis must be before state is put into it: not one that throws keys away, and better one that keeps them on its disk. */
import { RuntimeError } from '../../core/errors.ts';
import type { RedisClient } from './redis-client.ts';
import { openError } from './redis-error.ts';
import { RIGHTS } from './scripts.ts';

/** What Redis says inside a script, by its versions. */
const FORBIDDEN = /NOPERM|executing the script can't|ACL failure/i;

/** What should be said although it works. @throws RuntimeError STORE_UNUSABLE, STORE_UNAVAILABLE */
export async function checkRedis(client: RedisClient): Promise<readonly string[]> {
  const warnings: string[] = [];
  for (const info of await client.info('memory')) {
    const policy = info.get('maxmemory_policy') ?? 'noeviction';
    if (policy === 'noeviction') continue;
    throw new RuntimeError(
      'STORE_UNUSABLE',
      `Redis at ${client.where} throws keys away when its memory is full (maxmemory-policy ${policy}): state would be lost. Set \`maxmemory-policy noeviction\` in its redis.conf, or at once: redis-cli CONFIG SET maxmemory-policy noeviction`,
    );
  }
  for (const info of await client.info('replication'))
    if (info.get('role') === 'slave')
      throw new RuntimeError(
        'STORE_UNUSABLE',
        `Redis at ${client.where} is a replica, which refuses writes. Name the primary in redis.url, or its sentinels with redis+sentinel://.`,
      );
  for (const info of await client.info('persistence'))
    if (info.get('aof_enabled') === '0')
      warnings.push(
        `Redis at ${client.where} keeps no append-only file: when it ends or restarts while this node is down too, what it acknowledged since the last checkpoint is lost. Set \`appendonly yes\` in its redis.conf, or state.ack: postgres`,
      );
  await checkRights(client);
  return warnings;
}

/** A user who may not use scripts, a command or the keys would not get past the first claim. Whatever else fails here may pass. */
async function checkRights(client: RedisClient): Promise<void> {
  const reply = await client.probe({ script: RIGHTS, key: `${client.prefix}:w:`, args: [] });
  const [command, reason] = Array.isArray(reply) ? reply.map(String) : [];
  if (command === undefined || reason === undefined || !FORBIDDEN.test(reason)) return;
  throw openError(`NOPERM its user may not use ${command} in a script`, client.where, `${client.prefix}:*`);
}
