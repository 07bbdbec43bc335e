/** Every way in which a start cannot use its stores, with real servers: what it says, how fast, and that it lets go of everything. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { TlsOptions } from '../../src/runtime.ts';
import { openPool } from '../../src/store/open-stores.ts';
import { checkRedis } from '../../src/store/redis/redis-checks.ts';
import { RedisClient } from '../../src/store/redis/redis-client.ts';
import { runCli } from '../support/cli.ts';
import { folderWith } from '../support/folder.ts';
import { freePort } from '../support/free-port.ts';
import { startProxy } from '../support/proxy.ts';
import {
  type PostgresServer,
  type RedisServer,
  sharedPostgres,
  startPostgres,
  startRedis,
} from '../support/servers.ts';
import {
  CERTIFICATE,
  type Failure,
  failureOf,
  type Log,
  OTHER,
  PASSWORD,
  pems,
  WRONG,
  withUser,
} from '../support/store-failure.ts';

async function openRedis(url: string, tls: TlsOptions | undefined, log: Log): Promise<readonly string[]> {
  const client = await RedisClient.open({ url, prefix: 'test', ...(tls === undefined ? {} : { tls }) }, log);
  return checkRedis(client).finally(() => client.close());
}

async function openPostgres(url: string, tls: TlsOptions | undefined, log: Log): Promise<void> {
  const pool = await openPool({ url, ...(tls === undefined ? {} : { tls }) }, log);
  await pool.close();
}

describe('Redis', () => {
  let guarded: RedisServer;
  let plain: RedisServer;
  let secure: RedisServer;
  beforeAll(async () => {
    [guarded, plain, secure] = await Promise.all([
      startRedis({ password: PASSWORD, appendonly: 'everysec' }),
      startRedis(),
      startRedis({ tls: CERTIFICATE, password: PASSWORD }),
    ]);
  });
  afterAll(() => Promise.all([guarded.close(), plain.close(), secure.close()]));

  const fails = (url: string, tls?: TlsOptions, over?: () => Promise<void>): Promise<Failure> =>
    failureOf((log) => openRedis(url, tls, log), over);
  const opens = (url: string, tls?: TlsOptions): Promise<readonly string[]> => openRedis(url, tls, () => undefined);

  test('with the right password is used, and says nothing', async () => {
    expect(await opens(guarded.url)).toEqual([]);
  });

  test('with a wrong, an unknown or no password is refused with what to check', async () => {
    for (const [user, reason] of [
      [`:${WRONG}@`, 'WRONGPASS'],
      [`stranger:${WRONG}@`, 'WRONGPASS'],
      ['', 'NOAUTH'],
    ] as const) {
      const { code, message, logged } = await fails(withUser(guarded.url, user));
      expect(code).toBe('STORE_UNUSABLE');
      expect(message).toMatch(
        new RegExp(
          `^Redis at redis://127.0.0.1:\\d+ cannot be used: ${reason} .*\\. Check user and password in redis\\.url\\.$`,
        ),
      );
      // One line tells it: that of the error.
      expect(logged).toEqual([]);
    }
  });

  test('without the rights of its user is refused, and told which is missing', async () => {
    const commands = ['info', 'eval', 'evalsha', 'hset', 'hdel', 'del', 'hget', 'hgetall', 'hmget', 'hkeys', 'hstrlen'];
    const users = [
      ...commands.map((command) => [command, `~* +@all -${command}`, `'?${command}\\b`]),
      ['noscript', '~* +@all -@scripting', `'eval'`],
      ['otherkeys', '~other* +@all', 'one of the keys'],
      ['readers', '%R~* +@all', 'one of the keys'],
    ] as const;
    const limited = await startRedis({
      args: users.flatMap(([name, rules]) => ['--user', String(name), 'on', '>pw', ...String(rules).split(' ')]),
    });
    onTestFinished(() => limited.close());
    for (const [name, , told] of users) {
      const { code, message } = await fails(withUser(limited.url, `${name}:pw@`));
      expect(code, name).toBe('STORE_UNUSABLE');
      expect(message).toMatch(new RegExp(`cannot be used: NOPERM.*${told}`, 'i'));
      expect(message).toMatch(/\. Give its user the right to all commands on the keys test:\*\.$/);
    }
    const own = new Redis(limited.url);
    expect(await own.keys('*'), 'nothing is left of the attempts').toEqual([]);
    own.disconnect();
  });

  test('with no more rights than docs/operations.md asks for is used', async () => {
    const docs = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
    const rules = /`(~tick-runtime:\* [^`]+)`/.exec(docs)?.[1]?.replace('tick-runtime', 'test') ?? '';
    const limited = await startRedis({ args: ['--user', 'limited', 'on', '>pw', ...rules.split(' ')] });
    onTestFinished(() => limited.close());
    expect(await opens(withUser(limited.url, 'limited:pw@'))).toHaveLength(1);
    // Every one of them is needed.
    const own = new Redis(limited.url);
    for (const rule of rules
      .split(' ')
      .slice(1)
      .filter((word) => !word.includes('@'))) {
      await own.call('ACL', 'SETUSER', 'limited', `-${rule.slice(1)}`);
      await expect(opens(withUser(limited.url, 'limited:pw@'))).rejects.toMatchObject({ code: 'STORE_UNUSABLE' });
      await own.call('ACL', 'SETUSER', 'limited', rule);
    }
    own.disconnect();
  });

  test('that has no such database is refused: nothing goes into another one', async () => {
    const { code, message } = await fails(`${plain.url}/99`);
    expect(code).toBe('STORE_UNUSABLE');
    expect(message).toContain('DB index is out of range. Name another database in redis.url.');
    await opens(`${plain.url}/15`);
  });

  test('over TLS is used with the right CA or without a check, and refused otherwise', async () => {
    const { own, other, none } = pems();
    await opens(secure.url, { ca: own });
    await opens(secure.url, { verify: false });
    for (const tls of [{}, { ca: other }]) {
      const { code, message } = await fails(secure.url, tls);
      expect(code).toBe('STORE_UNUSABLE');
      expect(message).toMatch(/cannot be used: self-signed certificate.*\. Check redis\.tls\.$/);
    }
    const otherName = await fails(secure.url.replace('localhost', '127.0.0.1'), { ca: own });
    expect(otherName.message).toMatch(/does not match certificate's altnames.*\. Check redis\.tls\.$/);
    const missing = await fails(secure.url, { ca: none });
    expect(missing).toMatchObject({ code: 'STORE_UNUSABLE' });
    expect(missing.message).toContain('redis.tls.ca: ');
  });

  test('that wants a certificate of this node says which settings have it', async () => {
    const server = createServer({ ...CERTIFICATE, ca: OTHER.cert, requestCert: true }).listen(0, '127.0.0.1');
    server.on('tlsClientError', () => undefined);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { code, message } = await fails(`rediss://localhost:${port}`, { ca: pems().own });
    expect(code).toBe('STORE_UNUSABLE');
    expect(message).toMatch(/certificate required\. It wants a certificate of this node: set redis\.tls\.cert and/);
  });

  test('with PEM files that hold something else is refused with the file', async () => {
    const { own } = pems();
    const folder = folderWith({ 'own.key': CERTIFICATE.key, 'other.key': OTHER.key, 'text.pem': 'no certificate' });
    const [key, other, text] = ['own.key', 'other.key', 'text.pem'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    for (const [tls, reason] of [
      [{ ca: text }, `redis.tls.ca: ${text} holds no certificate (PEM).`],
      [{ cert: key }, `redis.tls.cert: ${key} holds no certificate (PEM).`],
      [{ cert: own, key: own }, `redis.tls.key: ${own} holds no private key (PEM).`],
      [{ cert: own, key: other }, 'redis.tls: the key is not that of the certificate.'],
      [{ cert: own }, 'redis.tls: cert and key go together'],
    ] as const) {
      const { code, message } = await fails(secure.url, tls);
      expect(code).toBe('STORE_UNUSABLE');
      expect(message).toContain(reason);
    }
    await opens(secure.url, { ca: own, cert: own, key });
  });

  test('that is another kind than the URL says is refused', async () => {
    const cluster = await fails(plain.url.replace('redis:', 'redis+cluster:'));
    expect(cluster.code).toBe('STORE_UNUSABLE');
    expect(cluster.message).toContain('It is no cluster; write redis:// for one server.');
  });

  test('that evicts is refused with the line that mends it', async () => {
    const evicting = await startRedis({ maxmemoryPolicy: 'allkeys-lru' });
    onTestFinished(() => evicting.close());
    const { code, message } = await fails(evicting.url);
    expect(code).toBe('STORE_UNUSABLE');
    expect(message).toBe(
      `Redis at ${evicting.url} throws keys away when its memory is full (maxmemory-policy allkeys-lru): state would be lost. Set \`maxmemory-policy noeviction\` in its redis.conf, or at once: redis-cli CONFIG SET maxmemory-policy noeviction`,
    );
  });

  test('that is a replica is refused', async () => {
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', `${plain.port}`] });
    onTestFinished(() => replica.close());
    const { code, message } = await fails(replica.url);
    expect(code).toBe('STORE_UNUSABLE');
    expect(message).toContain('is a replica, which refuses writes. Name the primary in redis.url');
  });

  test('without an append-only file is a warning, one line', async () => {
    expect(await opens(plain.url)).toEqual([expect.stringContaining('keeps no append-only file')]);
  });

  test('that cannot be reached is told, whatever the way', async () => {
    const proxy = await startProxy({ host: '127.0.0.1', port: plain.port });
    onTestFinished(() => proxy.close());
    proxy.blackHole();
    const port = await freePort();
    for (const [url, reason] of [
      [`redis://:${WRONG}@127.0.0.1:${port}`, 'connect ECONNREFUSED'],
      [`redis://:${WRONG}@no.such.host.invalid`, 'getaddrinfo ENOTFOUND'],
      [`redis+cluster://:${WRONG}@127.0.0.1:${port}`, ''],
      [`redis+sentinel://:${WRONG}@127.0.0.1:${port}/main`, 'no sentinel answers. '],
      [proxy.rewrite(plain.url), 'no answer within 5 s'],
    ] as const) {
      const { code, message } = await fails(url, undefined, () =>
        url.includes('hunter2') ? Promise.resolve() : proxy.cut(),
      );
      expect(code).toBe('STORE_UNAVAILABLE');
      expect(message).toContain(`does not answer: ${reason}`);
      expect(message).toMatch(/\. Check redis\.url, and that the server is up\.$/);
    }
  });
});

describe('Postgres', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres({ inMemory: true, password: PASSWORD, ssl: CERTIFICATE });
  });
  afterAll(() => server.close());

  const fails = (url: string, tls?: TlsOptions, over?: () => Promise<void>): Promise<Failure> =>
    failureOf((log) => openPostgres(url, tls, log), over);

  test('with the right password is used', async () => {
    const said: string[] = [];
    await openPostgres(server.url, undefined, (_level, message) => said.push(message));
    expect(said).toEqual([expect.stringContaining('tables in Postgres were brought up to date')]);
  });

  test('with a wrong or no password, or as an unknown user, is refused', async () => {
    for (const user of [`postgres:${WRONG}@`, 'postgres@', `stranger:${WRONG}@`]) {
      const { code, message } = await fails(withUser(server.url, user));
      expect(code).toBe('STORE_UNUSABLE');
      expect(message).toMatch(
        /^Postgres at localhost:\d+\/postgres cannot be used: .*\. Check user and password in postgres\.url\.$/,
      );
    }
  });

  test('without that database is refused', async () => {
    const { code, message } = await fails(server.url.replace(/postgres$/, 'nowhere'));
    expect(code).toBe('STORE_UNUSABLE');
    expect(message).toContain('database "nowhere" does not exist. Create that database');
  });

  test('over TLS is used with the right CA or without a check, and refused otherwise', async () => {
    const { own, other, none } = pems();
    for (const url of [server.url, `${server.url}?sslmode=require`])
      for (const tls of [{ ca: own }, { verify: false }]) await openPostgres(url, tls, () => undefined);
    for (const tls of [{}, { ca: other }]) {
      const { code, message } = await fails(server.url, tls);
      expect(code).toBe('STORE_UNUSABLE');
      expect(message).toMatch(/self-signed certificate.*\. Check postgres\.tls\.$/);
    }
    const missing = await fails(server.url, { ca: none });
    expect(missing).toMatchObject({ code: 'STORE_UNUSABLE' });
    expect(missing.message).toContain('postgres.tls.ca: ');
  });

  test('is used as its URL says of TLS, and nothing is printed', async () => {
    const warned: string[] = [];
    const note = (warning: Error): void => void warned.push(warning.message);
    process.on('warning', note);
    onTestFinished(() => void process.off('warning', note));
    const { own, other } = pems();
    for (const mode of ['prefer', 'require', 'verify-ca', 'verify-full']) {
      await openPostgres(`${server.url}?sslmode=${mode}&sslrootcert=${own}`, undefined, () => undefined);
      const { message } = await fails(`${server.url}?sslrootcert=${other}&sslmode=${mode}`);
      expect(message).toMatch(/self-signed certificate/);
    }
    for (const rest of ['sslmode=no-verify', 'sslmode=disable', 'uselibpqcompat=true&sslmode=require'])
      await openPostgres(`${server.url}?${rest}`, undefined, () => undefined);
    expect(warned).toEqual([]);
  });

  test('that is read-only, or speaks no TLS, is refused', async () => {
    const replica = await startPostgres({ inMemory: true, settings: { default_transaction_read_only: 'on' } });
    onTestFinished(() => replica.close());
    const readOnly = await fails(replica.url);
    expect(readOnly.code).toBe('STORE_UNUSABLE');
    expect(readOnly.message).toContain('is read-only, perhaps a replica. Name the primary in postgres.url.');
    expect((await fails(replica.url, {})).message).toContain('does not support SSL connections. Check postgres.tls.');
  });

  test('that cannot be reached is told', async () => {
    const proxy = await startProxy({ host: '127.0.0.1', port: server.port });
    onTestFinished(() => proxy.close());
    proxy.blackHole();
    for (const [url, reason] of [
      [`postgres://postgres:${WRONG}@127.0.0.1:${await freePort()}/x`, 'connect ECONNREFUSED'],
      [`postgres://postgres:${WRONG}@no.such.host.invalid/x`, 'getaddrinfo ENOTFOUND'],
      [proxy.rewrite(server.url), 'Connection terminated due to connection timeout'],
    ] as const) {
      const { code, message } = await fails(url, undefined, () =>
        url.includes('hunter2') ? Promise.resolve() : proxy.cut(),
      );
      expect(code).toBe('STORE_UNAVAILABLE');
      expect(message).toContain(`does not answer: ${reason}`);
      expect(message).toMatch(/\. Check postgres\.url, and that the server is up\.$/);
    }
  });

  test('with a URL that is none is refused, and no part of a password is shown', async () => {
    for (const url of [WRONG, `postgres://u:12/${WRONG}@127.0.0.1/x`, `postgres://u:${WRONG}/@127.0.0.1/x`]) {
      const { code, message } = await fails(url);
      expect(code).toBe('CONFIG_INVALID');
      expect(message).toContain('postgres.url is not a URL; write postgres://user:password@host:5432/database');
    }
  });
});

describe('runtime start', () => {
  async function start(
    stores: string,
  ): Promise<{ readonly code: number | string; readonly problems: readonly string[] }> {
    const folder = folderWith({
      'w.js': 'export function tick() {}',
      'runtime.yaml': `${stores}\nworkers:\n  - file: w.js\n`,
    });
    const { code, stdout, output } = await runCli(['start', '--quiet', '--config', 'runtime.yaml'], { cwd: folder });
    return { code, problems: output.split('\n').filter((line) => line !== '' && !stdout.includes(line)) };
  }

  test('ends with one line and the exit code of the error', async () => {
    const [database, evicting] = await Promise.all([
      sharedPostgres(),
      startRedis({ maxmemoryPolicy: 'volatile-ttl', password: PASSWORD }),
    ]);
    onTestFinished(async () => {
      await Promise.all([database.drop(), evicting.close()]);
    });
    const postgres = `postgres: { url: "${database.url}" }`;
    const cases = [
      [`${postgres}\nredis: { url: "${evicting.url}" }`, 4, /^runtime: Redis at .* \(maxmemory-policy volatile-ttl\)/],
      [`${postgres}\nredis: { url: "${withUser(evicting.url, `:${WRONG}@`)}" }`, 4, /^runtime: Redis at .*WRONGPASS/],
      [
        `postgres: { url: "postgres://u:${WRONG}@127.0.0.1:${await freePort()}/x" }`,
        4,
        /^runtime: Postgres at .*REFUSED/,
      ],
      [`${postgres}\nredis: { url: "redis://:a@${WRONG}@127.0.0.1" }`, 2, /^runtime: redis\.url cannot be used: /],
      [
        `${postgres}\nredis: { url: "${evicting.url}", sentinel: { username: u, password: ${WRONG} } }`,
        2,
        /^runtime: redis\.sentinel has a meaning only/,
      ],
    ] as const;
    const all = await Promise.all(cases.map(([stores]) => start(stores)));
    for (const [n, ended] of all.entries()) {
      const [, code, line] = cases[n] ?? [];
      expect(ended.problems).toEqual([expect.stringMatching(line ?? '')]);
      expect(ended.problems.join()).not.toContain(WRONG);
      expect(ended.code).toBe(code);
    }
  });
});
