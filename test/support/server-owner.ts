/** Child of servers.test.ts: starts servers, says what they are, and waits to be killed. */

import { startPostgres } from './postgres-server.ts';
import { descendantsOf } from './process-tree.ts';
import { startRedis } from './redis-server.ts';

const [redis, paused, postgres] = await Promise.all([startRedis(), startRedis(), startPostgres({ inMemory: true })]);
const pids = [redis, paused, postgres].flatMap(({ pid }) => [pid, ...descendantsOf(pid)]);
paused.pause();
console.log(JSON.stringify({ pids, folders: [redis.dir, paused.dir, postgres.dir] }));
setInterval(() => undefined, 1_000);
