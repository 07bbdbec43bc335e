/** What every state store does, whatever it keeps its data in. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checksumOf } from '../../src/core/checksum.ts';
import { KiB } from '../../src/core/limits.ts';
import type { Commit, StateChange, StateStore } from '../../src/store/contracts.ts';
import type { Implementation, StatePlace } from '../support/store-places.ts';

const WORKER = 'default/counter';

/** A commit that follows `base`; what a test is about comes last. */
function commitOf(epoch: bigint, base: bigint, changes: readonly StateChange[], over: Partial<Commit> = {}): Commit {
  const revision = (over.base ?? base) + 1n;
  const commitId = `${epoch}-${revision}`;
  return { worker: WORKER, epoch, base, revision, commitId, head: `{"tick":${revision}}`, changes, ...over };
}

/** Makes the caller the owner; its epoch. */
async function epochOf(store: StateStore, worker = WORKER): Promise<bigint> {
  return (await store.claim(worker)).epoch;
}

async function stateOf(store: StateStore, worker = WORKER): Promise<Record<string, string>> {
  const read = await store.read(worker);
  return Object.fromEntries(read?.entries ?? []);
}

export function stateStoreContract({ name, durable, create }: Implementation<StatePlace>): void {
  describe(`the ${name} state store`, () => {
    let place: StatePlace;
    let store: StateStore;

    beforeEach(async () => {
      place = await create();
      store = await place.open();
    });

    afterEach(async () => {
      await store.close();
      await place.dispose();
    });

    test('gives a new worker an epoch, revision 0 and nothing else', async () => {
      const claimed = await store.claim(WORKER);
      expect(claimed).toMatchObject({ revision: 0n, head: null, entries: [] });
      expect(claimed.epoch).toBeGreaterThan(0n);
    });

    test('raises the epoch with every claim and hands over what is stored', async () => {
      const first = await epochOf(store);
      await store.commit(commitOf(first, 0n, [{ key: 'n', json: '1' }]));
      const claimed = await store.claim(WORKER);
      expect(claimed).toMatchObject({ revision: 1n, head: '{"tick":1}', entries: [['n', '1']] });
      expect(claimed.epoch).toBeGreaterThan(first);
    });

    test('refuses the earlier owner after a claim and keeps nothing of its commit', async () => {
      const first = await epochOf(store);
      const second = await epochOf(store);
      const refused = await store.commit(commitOf(first, 0n, [{ key: 'n', json: '"old owner"' }]));
      expect(refused).toEqual({ kind: 'fenced', epoch: second });
      expect(await store.read(WORKER)).toMatchObject({ revision: 0n, head: null, entries: [] });
    });

    test('refuses an epoch that was never granted', async () => {
      const first = await epochOf(store);
      expect(await store.commit(commitOf(first + 1n, 0n, []))).toEqual({ kind: 'fenced', epoch: first });
    });

    test('applies commits of one worker in the order of the calls, without waiting in between', async () => {
      const first = await epochOf(store);
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, n) => store.commit(commitOf(first, BigInt(n), [{ key: 'n', json: String(n) }]))),
      );
      expect(results.every((result) => result.kind === 'ok')).toBe(true);
      expect(await store.read(WORKER)).toMatchObject({ revision: 50n, head: '{"tick":50}', entries: [['n', '49']] });
    });

    test('refuses a commit on another base and says which revision is stored', async () => {
      const first = await epochOf(store);
      await store.commit(commitOf(first, 0n, [{ key: 'n', json: '1' }]));
      for (const base of [0n, 2n]) {
        const other = commitOf(first, base, [{ key: 'n', json: '99' }], { commitId: 'another' });
        expect(await store.commit(other)).toEqual({ kind: 'stale', revision: 1n });
      }
      expect(await stateOf(store)).toEqual({ n: '1' });
    });

    test('refuses a commit of a worker that is not there and does not create it', async () => {
      expect(await store.commit(commitOf(1n, 0n, []))).toEqual({ kind: 'stale', revision: 0n });
      expect(await store.read(WORKER)).toBeNull();
    });

    test('accepts the same commit again and applies it once', async () => {
      const first = await epochOf(store);
      const commit = commitOf(first, 0n, [{ key: 'n', json: '1' }]);
      expect(await Promise.all([store.commit(commit), store.commit(commit)])).toEqual([{ kind: 'ok' }, { kind: 'ok' }]);
      // A repetition does not look at its contents: it must not write them either.
      await store.commit({ ...commit, changes: [{ key: 'n', json: '2' }] });
      expect(await store.read(WORKER)).toMatchObject({ revision: 1n, entries: [['n', '1']] });
    });

    test('refuses a commit id that was followed by another commit', async () => {
      const epoch = await epochOf(store);
      const first = commitOf(epoch, 0n, []);
      await store.commit(first);
      await store.commit(commitOf(epoch, 1n, []));
      expect(await store.commit(first)).toEqual({ kind: 'stale', revision: 2n });
    });

    test('lets a refused commit hurt none of its neighbours', async () => {
      const others = Array.from({ length: 20 }, (_, n) => `default/w${n}`);
      const [first, second, ...epochs] = await Promise.all(
        [WORKER, WORKER, ...others].map((one) => epochOf(store, one)),
      );
      const good = others.map((worker, n) => commitOf(epochs[n] ?? 0n, 0n, [{ key: 'n', json: '1' }], { worker }));
      const old = commitOf(first ?? 0n, 0n, [{ key: 'n', json: '1' }]);
      const skipping = commitOf(second ?? 0n, 7n, [{ key: 'n', json: '1' }]);
      const commits = [...good.slice(0, 10), old, skipping, ...good.slice(10)];
      const results = await Promise.all(commits.map((commit) => store.commit(commit)));
      expect(results.filter((result) => result.kind === 'ok')).toHaveLength(20);
      expect(results.slice(10, 12)).toEqual([
        { kind: 'fenced', epoch: second },
        { kind: 'stale', revision: 0n },
      ]);
      for (const worker of others) expect(await stateOf(store, worker)).toEqual({ n: '1' });
    });

    test('applies the changes of one commit in order: a later change of a key wins', async () => {
      const first = await epochOf(store);
      await store.commit(
        commitOf(first, 0n, [
          { key: 'a', json: '1' },
          { key: 'b', json: '1' },
          { key: 'a', json: null },
          { key: 'b', json: '2' },
          { key: 'a', json: '3' },
        ]),
      );
      expect(await stateOf(store)).toEqual({ a: '3', b: '2' });
    });

    test('deletes keys, also those that are not there', async () => {
      const first = await epochOf(store);
      await store.commit(commitOf(first, 0n, [{ key: 'a', json: '1' }]));
      const gone = [
        { key: 'a', json: null },
        { key: 'never', json: null },
      ];
      expect(await store.commit(commitOf(first, 1n, gone))).toEqual({ kind: 'ok' });
      expect(await stateOf(store)).toEqual({});
    });

    test('stores ten thousand keys of one commit together', async () => {
      const first = await epochOf(store);
      const changes = Array.from({ length: 10_000 }, (_, n) => ({ key: `key-${n}`, json: String(n) }));
      await store.commit(commitOf(first, 0n, changes));
      const read = await store.read(WORKER);
      expect(read?.entries).toHaveLength(10_000);
      expect(Object.fromEntries(read?.entries ?? [])['key-9999']).toBe('9999');
    });

    test('gives back every text exactly as it was written', async () => {
      const odd: Record<string, string> = Object.fromEntries([
        ['', '"the empty key"'],
        ['__proto__', '{"__proto__":{"polluted":true}}'],
        ['constructor', '"toString"'],
        ['schlüssel 🔑 كلمة 鍵', '"Zürich 🏔️ שלום"'],
        ['a\u0000b', '"\\u0000"'],
        ['line\nbreak', '"\u2028\u2029"'],
        ['-0', '-0'],
        ['large', '1e308'],
        ['long', '0.1000000000000000055511151231257827'],
        ['surrogate', '"\\ud800"'],
        ['spaces', ' { "a" : 1 } '],
        ['É', '"one code point"'],
        ['E\u0301', '"two code points"'],
      ]);
      const changes = Object.entries(odd).map(([key, json]) => ({ key, json }));
      const first = await epochOf(store);
      await store.commit(commitOf(first, 0n, changes, { head: '{"name":"🐢 __proto__"}' }));
      if (durable) {
        await store.close();
        store = await place.open();
      }
      const read = await store.read(WORKER);
      expect(new Map(read?.entries)).toEqual(new Map(Object.entries(odd)));
      expect(read?.head).toBe('{"name":"🐢 __proto__"}');
    });

    test('refuses text that has no UTF-8 form instead of changing it', async () => {
      const first = await epochOf(store);
      for (const change of [
        { key: '\ud800', json: '1' },
        { key: 'a', json: '"\udc00"' },
      ]) {
        await expect(store.commit(commitOf(first, 0n, [change]))).rejects.toMatchObject({ code: 'STATE_INVALID' });
      }
      expect(await store.read(WORKER)).toMatchObject({ revision: 0n, entries: [] });
    });

    test('stores values of 512 KiB', async () => {
      const json = JSON.stringify('ü'.repeat((512 * KiB) / 2 - 1));
      const first = await epochOf(store);
      await store.commit(commitOf(first, 0n, [{ key: 'fat', json }]));
      expect((await stateOf(store)).fat).toBe(json);
    });

    test('replaces the head as a whole and leaves the state alone', async () => {
      const first = await epochOf(store);
      await store.commit(commitOf(first, 0n, [{ key: 'n', json: '1' }], { head: '{"desired":"running"}' }));
      await store.commit(commitOf(first, 1n, [], { head: '{"actual":"stopped"}' }));
      expect(await store.read(WORKER)).toMatchObject({ head: '{"actual":"stopped"}', entries: [['n', '1']] });
    });

    test('gives back the checksum of the last commit, and none where that had none', async () => {
      const { checksum, epoch: first } = await store.claim(WORKER);
      expect(checksum).toBeUndefined();
      await store.commit(commitOf(first, 0n, [{ key: 'n', json: '1' }], { checksum: checksumOf([['n', '1']]) }));
      expect((await store.read(WORKER))?.checksum).toBe(checksumOf([['n', '1']]));
      const { checksum: claimed, epoch: second } = await store.claim(WORKER);
      expect(claimed).toBe(checksumOf([['n', '1']]));
      await store.commit(commitOf(second, 1n, [{ key: 'n', json: '2' }]));
      expect((await store.read(WORKER))?.checksum).toBeUndefined();
      const entries = [['n', '3']] as const;
      const replacement = { worker: WORKER, epoch: second, revision: 5n, commitId: 'r', head: '{}', entries };
      await store.replace({ ...replacement, checksum: checksumOf(entries) });
      expect((await store.read(WORKER))?.checksum).toBe(checksumOf(entries));
    });

    test('reads without claiming, and null where there is no such worker', async () => {
      expect(await store.read(WORKER)).toBeNull();
      const first = await epochOf(store);
      await store.read(WORKER);
      expect(await store.read(WORKER)).toMatchObject({ epoch: first });
    });

    test('lists all workers by name', async () => {
      expect(await store.list()).toEqual([]);
      const two = await epochOf(store, 'b/two');
      const one = await epochOf(store, 'a/one');
      await store.commit(commitOf(one, 0n, [], { worker: 'a/one' }));
      expect(await store.list()).toEqual([
        { worker: 'a/one', epoch: one, revision: 1n, head: '{"tick":1}' },
        { worker: 'b/two', epoch: two, revision: 0n, head: null },
      ]);
    });

    test('removes a worker with its state, for its owner only, and again without complaint', async () => {
      const first = await epochOf(store);
      const second = await epochOf(store);
      await store.commit(commitOf(second, 0n, [{ key: 'n', json: '1' }]));
      expect(await store.remove(WORKER, first)).toEqual({ kind: 'fenced', epoch: second });
      expect(await stateOf(store)).toEqual({ n: '1' });
      expect(await store.remove(WORKER, second)).toEqual({ kind: 'ok' });
      expect(await store.remove(WORKER, second)).toEqual({ kind: 'ok' });
      expect(await store.read(WORKER)).toBeNull();
      expect(await store.list()).toEqual([]);
    });

    test('keeps the owner of a removed worker fenced from its namesake, which begins empty', async () => {
      await store.claim(WORKER);
      const second = await epochOf(store);
      await store.commit(commitOf(second, 0n, [{ key: 'n', json: '1' }]));
      await store.remove(WORKER, second);
      const claimed = await store.claim(WORKER);
      expect(claimed).toMatchObject({ revision: 0n, head: null, entries: [] });
      expect(claimed.epoch).toBeGreaterThan(second);
      const late = await store.commit(commitOf(second, 0n, [{ key: 'n', json: '"late"' }]));
      expect(late).toEqual({ kind: 'fenced', epoch: claimed.epoch });
    });

    test('counts epochs and revisions beyond what a double can hold', async () => {
      const large = 2n ** 53n + 1n;
      await store.claim(WORKER);
      await store.close();
      await place.plant(WORKER, large, large);
      store = await place.open();
      expect(await store.claim(WORKER)).toMatchObject({ epoch: large + 1n, revision: large });
      expect(await store.commit(commitOf(large + 1n, large, []))).toEqual({ kind: 'ok' });
      expect(await store.commit(commitOf(large, large + 1n, []))).toEqual({ kind: 'fenced', epoch: large + 1n });
      expect(await store.read(WORKER)).toMatchObject({ epoch: large + 1n, revision: large + 1n });
    });

    test('finishes on close what was called before it and refuses what is called after it', async () => {
      const first = await epochOf(store);
      const pending = Array.from({ length: 100 }, (_, n) =>
        store.commit(commitOf(first, BigInt(n), [{ key: 'n', json: String(n) }])),
      );
      const closing = store.close();
      await expect(store.commit(commitOf(first, 100n, []))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      await closing;
      expect((await Promise.all(pending)).every((result) => result.kind === 'ok')).toBe(true);
      await expect(store.read(WORKER)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      if (!durable) return;
      store = await place.open();
      expect(await store.read(WORKER)).toMatchObject({ revision: 100n, entries: [['n', '99']] });
    });
  });
}
