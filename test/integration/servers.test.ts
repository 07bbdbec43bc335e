import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { descendantsOf, isRunning } from '../support/process-tree.ts';
import { startProxy } from '../support/proxy.ts';
import { createCertificate } from '../support/self-signed.ts';
import {
  type PostgresServer,
  type RedisServer,
  sharedPostgres,
  sharedRedis,
  startPostgres,
  startRedis,
} from '../support/servers.ts';

/** Long enough for an answer that is on its way, on a busy machine. */
const SILENCE_MS = 150;
const OWNER = fileURLToPath(new URL('../support/server-owner.ts', import.meta.url));

/** A client that tries once, and says what went wrong. */
function redisClient(url: string, ca?: string): Redis {
  const once = { retryStrategy: () => null, maxRetriesPerRequest: 0, enableReadyCheck: false };
  const client = new Redis(url, ca === undefined ? once : { ...once, tls: { ca } });
  client.on('error', () => undefined);
  onTestFinished(() => client.disconnect());
  return client;
}

async function postgresClient(url: string): Promise<Client> {
  const client = new Client(url);
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end().catch(() => undefined));
  return client;
}

/** What a promise says, or `silent` when it has said nothing for a while. */
const orSilent = <T>(promise: Promise<T>): Promise<T | 'silent'> =>
  Promise.race([promise, new Promise<'silent'>((resolve) => setTimeout(resolve, SILENCE_MS, 'silent'))]);

const family = (pid: number): readonly number[] => [pid, ...descendantsOf(pid)];

describe('a Redis of the test', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis({ appendonly: 'always' });
  });
  afterAll(() => server.close());

  test('has after kill -9 and a restart what it had acknowledged, on the same port', async () => {
    const before = redisClient(server.url);
    await before.set('kept', 'yes');
    const { pid, port } = server;
    await server.kill();
    expect(isRunning(pid)).toBe(false);
    expect(() => server.pid).toThrow('redis does not run');
    await expect(redisClient(server.url).get('kept')).rejects.toThrow();
    await server.restart();
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await redisClient(server.url).get('kept')).toBe('yes');
  });

  test('says nothing while it is paused, and everything afterwards', async () => {
    const client = redisClient(server.url);
    await client.ping();
    server.pause();
    const answer = client.ping();
    expect(await orSilent(answer)).toBe('silent');
    server.resume();
    expect(await answer).toBe('PONG');
  });

  test('stops in order even while it is paused, and starts again', async () => {
    server.pause();
    await server.stop();
    await server.restart();
    expect(await redisClient(server.url).ping()).toBe('PONG');
  });

  test('without an append-only file it comes back empty', async () => {
    const forgetful = await startRedis();
    onTestFinished(() => forgetful.close());
    await redisClient(forgetful.url).set('lost', 'yes');
    await forgetful.restart();
    expect(await redisClient(forgetful.url).get('lost')).toBe(null);
  });

  test('asks for the password that it was given, speaks TLS, and evicts as it was told', async () => {
    const tls = createCertificate('localhost');
    const guarded = await startRedis({ password: 'p@ss/wörd', tls, maxmemoryPolicy: 'allkeys-lru' });
    onTestFinished(() => guarded.close());
    const client = redisClient(guarded.url, tls.cert);
    expect(await client.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'allkeys-lru']);
    const stranger = redisClient(guarded.url.replace(/\/\/.*@/, '//'), tls.cert);
    await expect(stranger.get('key')).rejects.toThrow('NOAUTH');
  });

  test('that cannot start says so with the end of its log', async () => {
    await expect(startRedis({ args: ['--no-such-option', '1'] })).rejects.toThrow(
      /redis ended before it was ready; its log ends with[\s\S]*no-such-option/,
    );
  });

  test('on a port that is taken fails, and does not take the other one for itself', async () => {
    await expect(startRedis({ port: server.port })).rejects.toThrow(/address already in use/i);
  });
});

describe('a Postgres of the test', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres({ inMemory: true });
  });
  afterAll(() => server.close());

  test('has after kill -9 and a restart what it had committed, and none of its processes lived on', async () => {
    const url = await server.createDatabase();
    const client = await postgresClient(url);
    await client.query('CREATE TABLE kept (n int)');
    await client.query('INSERT INTO kept VALUES (42)');
    const pids = family(server.pid);
    expect(pids.length).toBeGreaterThan(4);
    await server.kill();
    expect(pids.filter(isRunning)).toEqual([]);
    await server.restart();
    const { rows } = await (await postgresClient(url)).query('SELECT n FROM kept');
    expect(rows).toEqual([{ n: 42 }]);
  });

  test('says nothing on an open connection while it is paused, and everything afterwards', async () => {
    const client = await postgresClient(server.url);
    server.pause();
    const answer = client.query('SELECT 1 AS one');
    expect(await orSilent(answer)).toBe('silent');
    server.resume();
    expect((await answer).rows).toEqual([{ one: 1 }]);
  });

  test('stops in order with a client connected, and starts again', async () => {
    const client = await postgresClient(server.url);
    const pids = family(server.pid);
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    await server.stop();
    await ended;
    expect(pids.filter(isRunning)).toEqual([]);
    await server.restart();
    expect((await (await postgresClient(server.url)).query('SHOW fsync')).rows).toEqual([{ fsync: 'on' }]);
  });

  test('asks for the password that it was given, speaks TLS, and obeys settings', async () => {
    const ssl = createCertificate('localhost');
    const guarded = await startPostgres({
      inMemory: true,
      password: "p@ss/'wörd",
      ssl,
      settings: { max_connections: '7' },
    });
    onTestFinished(() => guarded.close());
    const client = new Client({ connectionString: guarded.url, ssl: { ca: ssl.cert } });
    await client.connect();
    onTestFinished(() => client.end());
    expect((await client.query('SHOW max_connections')).rows).toEqual([{ max_connections: '7' }]);
    expect((await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows).toEqual([
      { ssl: true },
    ]);
    const wrong = new URL(guarded.url);
    wrong.password = 'wrong';
    await expect(new Client(wrong.href).connect()).rejects.toMatchObject({ code: '28P01' });
  });

  test('that cannot start says so with the end of its log', async () => {
    await expect(startPostgres({ inMemory: true, settings: { no_such_setting: '1' } })).rejects.toThrow(
      /postgres ended before it was ready; its log ends with[\s\S]*no_such_setting/,
    );
  });
});

describe('the shared servers', () => {
  test('give every caller a database of its own, which goes even while somebody is connected', async () => {
    const [one, two] = await Promise.all([sharedPostgres(), sharedPostgres()]);
    expect(one.url).not.toBe(two.url);
    const client = await postgresClient(one.url);
    await client.query('CREATE TABLE mine (n int)');
    const other = await postgresClient(two.url);
    await expect(other.query('SELECT * FROM mine')).rejects.toMatchObject({ code: '42P01' });
    await Promise.all([one.drop(), two.drop()]);
    await expect(new Client(one.url).connect()).rejects.toMatchObject({ code: '3D000' });
  });

  test('give every caller a prefix of its own', async () => {
    const one = sharedRedis();
    expect(one.prefix).not.toBe(sharedRedis().prefix);
    expect(await redisClient(one.url).set(`${one.prefix}key`, 'value', 'PX', 1_000)).toBe('OK');
  });
});

describe('the proxy', () => {
  test('gives on both ways, and later when it is told to', async () => {
    const shared = sharedRedis();
    const proxy = await startProxy({ host: '127.0.0.1', port: Number(new URL(shared.url).port) });
    onTestFinished(() => proxy.close());
    const client = redisClient(proxy.rewrite(shared.url));
    const large = 'x'.repeat(4_000_000);
    expect(await client.echo(large)).toBe(large);
    proxy.delay(60);
    const begun = performance.now();
    expect(await client.ping()).toBe('PONG');
    expect(performance.now() - begun).toBeGreaterThanOrEqual(118);
    // More than a lane may hold: it is late, and whole.
    expect(await client.echo(large)).toBe(large);
    await proxy.heal();
    expect(proxy.connections()).toBe(1);
    client.disconnect();
    await vi.waitFor(() => expect(proxy.connections()).toBe(0));
  });

  test('as a black hole it keeps old and new connections open and gives on nothing until it is healed', async () => {
    const shared = sharedRedis();
    const proxy = await startProxy({ host: '127.0.0.1', port: Number(new URL(shared.url).port) });
    onTestFinished(() => proxy.close());
    const old = redisClient(proxy.rewrite(shared.url));
    await old.ping();
    proxy.blackHole();
    const fresh = redisClient(proxy.rewrite(shared.url));
    const accepted = once(fresh, 'connect');
    const answers = [old.ping(), fresh.ping()];
    await accepted;
    expect(await orSilent(Promise.race(answers))).toBe('silent');
    expect(proxy.connections()).toBe(2);
    await proxy.heal();
    expect(await Promise.all(answers)).toEqual(['PONG', 'PONG']);
  });

  test('in a black hole the end of the server is not seen either', async () => {
    const target = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(target, 'listening');
    const { port } = target.address() as { port: number };
    const accepted = once(target, 'connection');
    const proxy = await startProxy({ host: '127.0.0.1', port });
    onTestFinished(() => proxy.close());
    const client = redisClient(proxy.rewrite(`redis://127.0.0.1:${port}`));
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    const [socket] = await accepted;
    proxy.blackHole();
    socket.resetAndDestroy();
    target.close();
    expect(await orSilent(ended)).toBe('silent');
    await proxy.heal();
    await ended;
  });

  test('cut resets what is open and refuses what comes, until it is healed', async () => {
    const { url, drop } = await sharedPostgres();
    onTestFinished(drop);
    const proxy = await startProxy({ host: '127.0.0.1', port: Number(new URL(url).port) });
    onTestFinished(() => proxy.close());
    const client = await postgresClient(proxy.rewrite(url));
    const reset = once(client, 'error');
    await proxy.cut();
    expect(await reset).toMatchObject([{ code: 'ECONNRESET' }]);
    await expect(new Client(proxy.rewrite(url)).connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await proxy.heal();
    const again = await postgresClient(proxy.rewrite(url));
    expect((await again.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});

describe('the end of a server', () => {
  test('leaves no process and no folder behind', async () => {
    const [redis, postgres] = await Promise.all([startRedis(), startPostgres()]);
    await postgresClient(postgres.url);
    const pids = [...family(redis.pid), ...family(postgres.pid)];
    expect(pids.every(isRunning)).toBe(true);
    await Promise.all([redis.close(), postgres.close()]);
    expect(pids.filter(isRunning)).toEqual([]);
    expect([redis.dir, postgres.dir].filter(existsSync)).toEqual([]);
  });

  test.for(['SIGKILL', 'SIGTERM'] as const)(
    'comes with the end of the process that started it by %s, even where it was paused',
    async (signal) => {
      const owner = spawn(process.execPath, [OWNER], { stdio: ['ignore', 'pipe', 'inherit'] });
      onTestFinished(() => void owner.kill('SIGKILL'));
      const [line] = await once(createInterface({ input: owner.stdout }), 'line');
      const { pids, folders } = JSON.parse(line) as { pids: number[]; folders: string[] };
      expect(pids.length).toBeGreaterThan(6);
      expect(pids.every(isRunning)).toBe(true);
      owner.kill(signal);
      await vi.waitFor(() => expect(pids.filter(isRunning)).toEqual([]), { timeout: 8_000 });
      await vi.waitFor(() => expect(folders.filter((folder) => existsSync(folder))).toEqual([]), { timeout: 8_000 });
    },
  );
});
