/** What only the embedded state store can be asked: its groups, its thread, its disk. */
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Commit } from '../../src/store/contracts.ts';
import { openEmbeddedStores } from '../../src/store/embedded/open.ts';
import { EmbeddedStateStore } from '../../src/store/embedded/state-client.ts';
import { createTempFolder, type TempFolder } from '../support/temp-folder.ts';

const THREAD = new URL('../../src/store/embedded/state-thread.ts', import.meta.url);

function commitOf(worker: string, base: bigint, over: Partial<Commit> = {}): Commit {
  const revision = base + 1n;
  const changes = [{ key: 'n', json: String(revision) }];
  return { worker, epoch: 1n, base, revision, commitId: `c${revision}`, head: '{}', changes, ...over };
}

describe('the embedded state store', () => {
  let folder: TempFolder;
  let file: string;
  let threads: Worker[];
  let lines: string[];
  const opened: EmbeddedStateStore[] = [];

  beforeEach(async () => {
    folder = await createTempFolder();
    file = join(folder.path, 'state.db');
    threads = [];
    lines = [];
  });

  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
    await folder.remove();
  });

  async function open(limits: { operationsMax?: number; charactersMax?: number } = {}): Promise<EmbeddedStateStore> {
    const store = await EmbeddedStateStore.open({
      ...limits,
      log: (level, message) => lines.push(`${level}: ${message}`),
      spawn: () => {
        const thread = new Worker(THREAD, { workerData: { file } });
        threads.push(thread);
        return thread;
      },
    });
    opened.push(store);
    return store;
  }

  test('sends everything that is asked in one turn of the event loop as one message', async () => {
    const store = await open();
    let answers = 0;
    threads[0]?.on('message', () => {
      answers += 1;
    });
    await Promise.all(Array.from({ length: 50 }, (_, n) => store.claim(`default/w${n}`)));
    expect(answers).toBe(1);
    await Promise.all(Array.from({ length: 50 }, (_, n) => store.commit(commitOf(`default/w${n}`, 0n))));
    expect(answers).toBe(2);
  });

  test('rejects a whole group when the disk refuses, keeps nothing of it, and goes on afterwards', async () => {
    const store = await open();
    await store.claim('default/a');
    await store.claim('default/b');
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    const [a, b] = [commitOf('default/a', 0n), commitOf('default/b', 0n)];
    const refused = await Promise.allSettled([store.commit(a), store.commit(b)]);
    for (const each of refused) expect(each).toMatchObject({ reason: { code: 'STORE_UNAVAILABLE' } });
    other.exec('ROLLBACK');
    other.close();
    expect(await store.read('default/a')).toMatchObject({ revision: 0n, entries: [] });
    expect(await Promise.all([store.commit(a), store.commit(b)])).toEqual([{ kind: 'ok' }, { kind: 'ok' }]);
  });

  test('rejects only the one operation of a group that SQLite cannot execute', async () => {
    const store = await open();
    await store.claim('default/a');
    await store.claim('default/b');
    const results = await Promise.allSettled([
      store.commit(commitOf('default/a', 0n)),
      store.commit(commitOf('default/b', 0n, { commitId: {} as string })),
      store.commit(commitOf('default/a', 1n)),
    ]);
    expect(results).toMatchObject([
      { value: { kind: 'ok' } },
      { reason: { code: 'INTERNAL' } },
      { value: { kind: 'ok' } },
    ]);
    expect(await store.read('default/a')).toMatchObject({ revision: 2n });
    expect(await store.read('default/b')).toMatchObject({ revision: 0n, entries: [] });
  });

  test('finds out when somebody changed the file behind its back, instead of writing over it', async () => {
    const store = await open();
    await store.claim('default/a');
    await store.claim('default/b');
    for (const base of [0n, 1n]) await store.commit(commitOf('default/a', base));
    await store.commit(commitOf('default/b', 0n));
    const other = new DatabaseSync(file);
    other.exec(
      "UPDATE workers SET revision = 1 WHERE worker = 'default/a'; DELETE FROM workers WHERE worker = 'default/b'",
    );
    other.close();
    expect(await store.commit(commitOf('default/a', 2n))).toEqual({ kind: 'stale', revision: 1n });
    expect(await store.commit(commitOf('default/b', 1n))).toEqual({ kind: 'stale', revision: 0n });
    expect(await store.read('default/a')).toMatchObject({ revision: 1n });
    expect(await store.read('default/b')).toBeNull();
  });

  test('lets a commit wait for company where that was found, and an urgent one not', async () => {
    const store = await open();
    for (const worker of ['a/1', 'a/2', 'a/3']) await store.claim(worker);
    const waited = { urgent: 0, other: 0 };
    let base = 0n;
    for (let round = 0; round < 40; round++) {
      const urgent = round % 2 === 0;
      await Promise.all([store.commit(commitOf('a/1', base)), store.commit(commitOf('a/2', base))]);
      const from = performance.now();
      await store.commit(commitOf('a/3', base, { urgent }));
      waited[urgent ? 'urgent' : 'other'] += performance.now() - from;
      base += 1n;
    }
    expect(waited.urgent).toBeLessThan(waited.other * 0.8);
  });

  test('rejects what is pending when its thread dies, and serves again when it was restarted', async () => {
    const store = await open();
    await store.claim('default/a');
    const restarted = Promise.withResolvers<void>();
    const lost = once(threads[0] as Worker, 'exit');
    await threads[0]?.terminate();
    await lost;
    const push = threads.push.bind(threads);
    threads.push = (thread: Worker) => {
      thread.once('message', () => restarted.resolve());
      return push(thread);
    };
    await expect(store.commit(commitOf('default/a', 0n))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(lines).toEqual(["error: the state store's thread is lost and is started again"]);
    await restarted.promise;
    // The greeting reaches the store in the same turn; its own listener comes first.
    await new Promise((resolve) => setImmediate(resolve));
    expect(await store.commit(commitOf('default/a', 0n))).toEqual({ kind: 'ok' });
  });

  test('leaves nobody waiting whose commit was under way when the thread died', async () => {
    const store = await EmbeddedStateStore.open({
      log: () => {},
      // A thread that dies of the first group it gets.
      spawn: () =>
        new Worker(
          `const { parentPort: port } = require('node:worker_threads');
           port.on('message', ({ kind }) => { if (kind === 'close') port.close(); else throw new Error('a bug'); });
           port.postMessage({ kind: 'ready', note: null });`,
          { eval: true },
        ),
    });
    opened.push(store);
    const pending = Array.from({ length: 200 }, (_, n) => store.commit(commitOf('default/a', BigInt(n))));
    for (const each of await Promise.allSettled(pending)) {
      expect(each).toMatchObject({ status: 'rejected', reason: { code: 'STORE_UNAVAILABLE' } });
    }
  });

  test('refuses clearly what goes beyond its queue, by count and by size, and takes more when it is empty', async () => {
    const store = await open({ operationsMax: 3, charactersMax: 1_000 });
    await Promise.all(['a', 'b', 'c'].map((name) => store.claim(`default/${name}`)));
    const four = ['a', 'b', 'c', 'a'].map((name, n) => store.commit(commitOf(`default/${name}`, n === 3 ? 1n : 0n)));
    const settled = await Promise.allSettled(four);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
    expect(settled[3]).toMatchObject({ reason: { code: 'STORE_UNAVAILABLE' } });
    const fat = commitOf('default/a', 1n, { changes: [{ key: 'fat', json: `"${'x'.repeat(1_000)}"` }] });
    await expect(store.commit(fat)).rejects.toThrow('wait for the disk');
    expect(await store.commit(commitOf('default/a', 1n))).toEqual({ kind: 'ok' });
  });

  test('refuses a file of a newer release', async () => {
    await (await open()).close();
    const database = new DatabaseSync(file);
    database.exec('PRAGMA user_version = 99');
    database.close();
    await expect(open()).rejects.toMatchObject({
      code: 'DATA_UNUSABLE',
      message: expect.stringMatching(/newer release/),
    });
  });

  test('refuses a damaged file and says what to do', async () => {
    writeFileSync(file, 'this is no database, and it is long enough not to be taken for an empty file. '.repeat(100));
    await expect(open()).rejects.toMatchObject({
      code: 'DATA_UNUSABLE',
      message: expect.stringMatching(/damaged.*Restore it from a backup/),
    });
  });

  test('finds damage in the middle of a file when it is opened', async () => {
    const store = await open();
    await store.claim('default/a');
    const changes = Array.from({ length: 500 }, (_, n) => ({ key: `k${n}`, json: `"${'v'.repeat(100)}"` }));
    await store.commit(commitOf('default/a', 0n, { changes }));
    await store.close();
    const size = statSync(file).size;
    const handle = openSync(file, 'r+');
    writeSync(handle, Buffer.alloc(8_192, 0xab), 0, 8_192, size - 16_384);
    closeSync(handle);
    await expect(open()).rejects.toMatchObject({ code: 'DATA_UNUSABLE', message: expect.stringMatching(/damaged/) });
  });

  test('goes on where somebody emptied every table', async () => {
    const dataDir = join(folder.path, 'emptied');
    const stores = await openEmbeddedStores({ dataDir, log: () => {} });
    await stores.state.claim('default/w');
    const file = new DatabaseSync(join(dataDir, 'state.db'));
    for (const table of ['state', 'workers', 'removed']) file.exec(`DELETE FROM ${table}`);
    file.close();
    const back = { worker: 'default/w', epoch: 1n, revision: 4n, commitId: 'back', head: '{}', entries: [] };
    expect(await stores.state.replace(back)).toEqual({ kind: 'ok' });
    expect(await stores.state.claim('default/new')).toMatchObject({ epoch: 1n });
    expect(await stores.state.remove('default/w', 1n)).toEqual({ kind: 'ok' });
    expect(await stores.state.claim('default/w')).toMatchObject({ epoch: 2n, head: null });
    await stores.close();
  });

  test('says what to do about a damaged lock', async () => {
    const dataDir = join(folder.path, 'locked');
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'lock.db'), 'no database at all. '.repeat(1_000));
    const opened = openEmbeddedStores({ dataDir, log: () => {} });
    await expect(opened).rejects.toMatchObject({
      code: 'DATA_UNUSABLE',
      message: expect.stringContaining('lock.db is damaged. There is nothing in it: delete it'),
    });
  });

  test('creates a data folder that only its user may enter, and refuses one that cannot be', async () => {
    const dataDir = join(folder.path, 'deep', 'data');
    const stores = await openEmbeddedStores({ dataDir, log: () => {} });
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    await stores.close();
    writeFileSync(join(folder.path, 'file'), '');
    mkdirSync(join(folder.path, 'taken'));
    mkdirSync(join(folder.path, 'taken', 'lock.db'));
    for (const name of ['file', 'taken']) {
      const refused = openEmbeddedStores({ dataDir: join(folder.path, name), log: () => {} });
      await expect(refused).rejects.toMatchObject({ code: 'DATA_UNUSABLE' });
    }
  });
});
