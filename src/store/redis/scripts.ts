/**
 * Every change of a worker in Redis is one of these steps, and each is atomic. A worker is one hash:
 *
 *     e  epoch of the owner: the fence       c  id of the last commit       h  head
 *     w  epoch of who wrote the revision     s  checksum, or nothing        =KEY  JSON of a key of the state
 *     r  revision                            i  id of the Postgres it belongs to; an older release wrote none
 *
 * A hash without `r` is what is left of a removed worker: it fences who owned that. Numbers are decimal text, since those of Lua
 * are doubles: equal ones are compared as text, larger ones by length first.
 */
import { createHash } from 'node:crypto';
import type { Script } from './redis-client.ts';

const script = (text: string): Script => ({ text, sha: createHash('sha1').update(text).digest('hex') });

/** A hash without an id is ours, and so is any where the caller has none. */
const FOREIGN = `local function foreign(id, own) return id and own ~= '' and id ~= own end`;

const LESS = `local function less(a, b) if #a ~= #b then return #a < #b end return a < b end`;

/** Calls a command on many arguments in portions: Lua cannot hand over more than some thousands at once. */
const PORTIONS = `
local function each(command, from, to)
  for i = from, to, 1000 do redis.call(command, KEYS[1], unpack(ARGV, i, math.min(i + 999, to))) end
end`;

/**
 * epoch, base, revision, commit id, checksum, head, count of written pairs times two, those pairs, deleted fields.
 * Answers 1, or {'fenced', epoch, id of the Postgres}, {'stale', revision}. No id is compared: epochs are moments, and no other Postgres has
 * granted the same one.
 */
export const COMMIT = script(`
local stored = redis.call('HMGET', KEYS[1], 'e', 'r', 'c')
if not stored[2] then return {'stale', '0'} end
if stored[1] ~= ARGV[1] then return {'fenced', stored[1], redis.call('HGET', KEYS[1], 'i')} end
if stored[2] ~= ARGV[2] then
  if stored[2] == ARGV[3] and stored[3] == ARGV[4] then return 1 end
  return {'stale', stored[2]}
end
${PORTIONS}
redis.call('HSET', KEYS[1], 'w', ARGV[1], 'r', ARGV[3], 'c', ARGV[4], 's', ARGV[5], 'h', ARGV[6])
local last = 7 + tonumber(ARGV[7])
each('HSET', 8, last)
each('HDEL', last + 1, #ARGV)
return 1`);

/** The whole hash; where it is larger than the last argument, if that is a number, only {'large', bytes of the state}. */
const WHOLE = `
local function whole()
  local max = tonumber(ARGV[#ARGV])
  local size = 0
  if max then
    for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
      size = size + #field + redis.call('HSTRLEN', KEYS[1], field)
    end
    if size > max then return {'large', size} end
  end
  return redis.call('HGETALL', KEYS[1])
end`;

/**
 * Epoch, id of the Postgres or nothing, bytes at most or nothing. Raises the fence to it and answers with the whole hash; with nothing where
 * there is no worker, and then makes none; {'newer', epoch} where the fence is higher already, {'foreign', id} where the hash
 * is another Postgres's, and then it stays as it is. May be repeated.
 */
export const RAISE = script(`
${FOREIGN}
${LESS}
${WHOLE}
local stored = redis.call('HMGET', KEYS[1], 'e', 'r', 'i')
if foreign(stored[3], ARGV[2]) then return {'foreign', stored[3]} end
if stored[1] and less(ARGV[1], stored[1]) then return {'newer', stored[1]} end
if not stored[2] then return {} end
redis.call('HSET', KEYS[1], 'e', ARGV[1])
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'i', ARGV[2]) end
return whole()`);

/** Where Redis itself grants the epochs: the next one, and the whole hash, which is made where there is none. */
export const CLAIM = script(`
local epoch = redis.call('HINCRBY', KEYS[1], 'e', 1)
if redis.call('HEXISTS', KEYS[1], 'r') == 0 then
  redis.call('HSET', KEYS[1], 'w', redis.call('HGET', KEYS[1], 'e'), 'r', '0')
end
return redis.call('HGETALL', KEYS[1])`);

/** Bytes at most or nothing. */
export const READ = script(`
${WHOLE}
return whole()`);

/**
 * 'replace' or 'repair', epoch, written epoch, revision, commit id, checksum, head, id of the Postgres or nothing, then pairs. Everything
 * else of the worker goes. The id decides first, as in a raise, then the fence. Under its own epoch a replacement must be above what is stored, and a repair, which is the claimer's who has
 * compared, not below: it may be a late copy of one that was sent twice. Answers like COMMIT.
 */
export const OVERWRITE = script(`
${FOREIGN}
${LESS}
local stored = redis.call('HMGET', KEYS[1], 'e', 'r', 'c', 'w', 'i')
if foreign(stored[5], ARGV[8]) then return {'foreign', stored[5]} end
if stored[1] then
  if less(ARGV[2], stored[1]) then return {'fenced', stored[1]} end
  if not stored[2] and stored[1] == ARGV[2] then return {'fenced', stored[1]} end
  if ARGV[1] == 'replace' and stored[2] and stored[1] == ARGV[2] and not less(stored[2], ARGV[4]) then
    if stored[2] == ARGV[4] and stored[3] == ARGV[5] then return 1 end
    return {'stale', stored[2]}
  end
  if ARGV[1] == 'repair' and stored[2] and stored[1] == ARGV[2] then
    if less(ARGV[3], stored[4]) or (ARGV[3] == stored[4] and less(ARGV[4], stored[2])) then return {'stale', stored[2]} end
  end
end
${PORTIONS}
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'e', ARGV[2], 'w', ARGV[3], 'r', ARGV[4], 'c', ARGV[5], 's', ARGV[6], 'h', ARGV[7])
if ARGV[8] ~= '' then redis.call('HSET', KEYS[1], 'i', ARGV[8]) end
each('HSET', 9, #ARGV)
return 1`);

/** Epoch, and 'keep' where the fence must stay. The owner's own; again without complaint. Answers like COMMIT. */
export const REMOVE = script(`
local stored = redis.call('HMGET', KEYS[1], 'e', 'r', 'i')
if not stored[2] then return 1 end
if stored[1] ~= ARGV[1] then return {'fenced', stored[1]} end
redis.call('DEL', KEYS[1])
if ARGV[2] == 'keep' then
  redis.call('HSET', KEYS[1], 'e', stored[1])
  if stored[3] then redis.call('HSET', KEYS[1], 'i', stored[3]) end
end
return 1`);

/** Id, place and time. Makes the key of a Postgres its own; answers 1, or {id, place, time} of the other one whose it is. */
export const HOLD = script(`
local stored = redis.call('HMGET', KEYS[1], 'id', 'where', 'since')
if stored[1] and stored[1] ~= ARGV[1] then return {stored[1], stored[2] or '', stored[3] or ''} end
if stored[2] ~= ARGV[2] then redis.call('HSET', KEYS[1], 'id', ARGV[1], 'where', ARGV[2], 'since', stored[3] or ARGV[3]) end
return 1`);

/** Every command of these steps, on a key that no worker has. Answers with the first that fails and why, or 1; leaves nothing. */
export const RIGHTS = script(`
for _, call in ipairs({{'HMGET', 'e'}, {'HGET', 'e'}, {'HGETALL'}, {'HKEYS'}, {'HSTRLEN', 'e'}, {'HDEL', 'e'}, {'DEL'}, {'HSET', 'e', '0'}, {'DEL'}}) do
  local reply = redis.pcall(call[1], KEYS[1], unpack(call, 2))
  if type(reply) == 'table' and reply.err then return {call[1], reply.err} end
end
return 1`);
