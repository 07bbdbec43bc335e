/** Everything of one worker written again by its owner, whatever a store holds of it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KiB } from '../../src/core/limits.ts';
import type { Commit, Replacement, StateChange, StateStore } from '../../src/store/contracts.ts';
import type { Implementation, StatePlace } from '../support/store-places.ts';

const WORKER = 'default/counter';

function commitOf(epoch: bigint, base: bigint, changes: readonly StateChange[], worker = WORKER): Commit {
  const revision = base + 1n;
  return { worker, epoch, base, revision, commitId: `${epoch}-${revision}`, head: `{"tick":${revision}}`, changes };
}

function replacementOf(epoch: bigint, revision: bigint, over: Partial<Replacement> = {}): Replacement {
  const entries = [['n', '7']] as const;
  return { worker: WORKER, epoch, revision, commitId: `r${revision}`, head: '{"tick":7}', entries, ...over };
}

/** Makes the caller the owner; its epoch. */
async function epochOf(store: StateStore, worker = WORKER): Promise<bigint> {
  return (await store.claim(worker)).epoch;
}

export function stateStoreReplaceContract({ name, durable, create }: Implementation<StatePlace>): void {
  describe(`a worker that is replaced in the ${name} state store`, () => {
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

    test('is what it was replaced by, and nothing else, at the new revision', async () => {
      const first = await epochOf(store);
      const before = ['n', 'old', 'older'].map((key) => ({ key, json: '1' }));
      await store.commit(commitOf(first, 0n, before));
      const entries = [
        ['n', '2'],
        ['new', '{"a":[1]}'],
      ] as const;
      expect(await store.replace(replacementOf(first, 9n, { entries }))).toEqual({ kind: 'ok' });
      const read = await store.read(WORKER);
      expect(read).toMatchObject({ epoch: first, revision: 9n, head: '{"tick":7}' });
      expect(new Map(read?.entries)).toEqual(new Map(entries));
      expect(await store.list()).toEqual([{ worker: WORKER, epoch: first, revision: 9n, head: '{"tick":7}' }]);
    });

    test('takes commits on the new revision, and on no other', async () => {
      const first = await epochOf(store);
      await store.replace(replacementOf(first, 9n));
      expect(await store.commit(commitOf(first, 0n, []))).toEqual({ kind: 'stale', revision: 9n });
      expect(await store.commit(commitOf(first, 9n, [{ key: 'm', json: '1' }]))).toEqual({ kind: 'ok' });
      expect(new Map((await store.read(WORKER))?.entries)).toEqual(new Map(Object.entries({ n: '7', m: '1' })));
    });

    test('may become empty', async () => {
      const first = await epochOf(store);
      await store.commit(commitOf(first, 0n, [{ key: 'n', json: '1' }]));
      await store.replace(replacementOf(first, 2n, { entries: [] }));
      expect(await store.read(WORKER)).toMatchObject({ revision: 2n, entries: [] });
    });

    test('is refused to every earlier owner', async () => {
      const first = await epochOf(store);
      const second = await epochOf(store);
      await store.commit(commitOf(second, 0n, [{ key: 'n', json: '1' }]));
      expect(await store.replace(replacementOf(first, 9n))).toEqual({ kind: 'fenced', epoch: second });
      expect(await store.read(WORKER)).toMatchObject({ revision: 1n, entries: [['n', '1']] });
    });

    test('of an owner whose epoch the store has forgotten brings it back, whatever revision was stored', async () => {
      const first = await epochOf(store);
      for (const base of [0n, 1n, 2n]) await store.commit(commitOf(first, base, [{ key: 'n', json: '1' }]));
      const later = first + 4n;
      expect(await store.replace(replacementOf(later, 2n))).toEqual({ kind: 'ok' });
      expect(await store.read(WORKER)).toMatchObject({ epoch: later, revision: 2n, entries: [['n', '7']] });
      expect(await store.commit(commitOf(first, 3n, []))).toEqual({ kind: 'fenced', epoch: later });
      expect(await store.commit(commitOf(later, 2n, []))).toEqual({ kind: 'ok' });
      const next = await store.claim(WORKER);
      expect(next.revision).toBe(3n);
      expect(next.epoch).toBeGreaterThan(later);
    });

    test('never goes back to a revision that is stored or older', async () => {
      const first = await epochOf(store);
      for (const base of [0n, 1n, 2n]) await store.commit(commitOf(first, base, [{ key: 'n', json: '1' }]));
      for (const revision of [1n, 2n, 3n])
        expect(await store.replace(replacementOf(first, revision))).toEqual({ kind: 'stale', revision: 3n });
      expect(await store.read(WORKER)).toMatchObject({ revision: 3n, head: '{"tick":3}', entries: [['n', '1']] });
    });

    test('is replaced once by the same commit id, also after an answer that was lost', async () => {
      const first = await epochOf(store);
      const replacement = replacementOf(first, 5n);
      expect(await store.replace(replacement)).toEqual({ kind: 'ok' });
      // A repetition does not look at its contents: it must not write them either.
      expect(await store.replace({ ...replacement, entries: [['n', '8']] })).toEqual({ kind: 'ok' });
      expect(await store.read(WORKER)).toMatchObject({ revision: 5n, entries: [['n', '7']] });
      await store.commit(commitOf(first, 5n, [{ key: 'n', json: '9' }]));
      expect(await store.replace(replacement)).toEqual({ kind: 'stale', revision: 6n });
      expect(await store.read(WORKER)).toMatchObject({ revision: 6n, entries: [['n', '9']] });
    });

    test('is created again where it is gone, for its owner, with all earlier ones fenced', async () => {
      expect(await store.replace(replacementOf(3n, 9n))).toEqual({ kind: 'ok' });
      const again = { epoch: 3n, revision: 9n, head: '{"tick":7}', entries: [['n', '7']] };
      expect(await store.read(WORKER)).toMatchObject(again);
      expect(await store.commit(commitOf(2n, 9n, []))).toEqual({ kind: 'fenced', epoch: 3n });
      expect(await store.commit(commitOf(3n, 9n, []))).toEqual({ kind: 'ok' });
      const next = await store.claim(WORKER);
      expect(next.revision).toBe(10n);
      expect(next.epoch).toBeGreaterThan(3n);
    });

    test('is not brought back by an owner whom its removal has outlived', async () => {
      const first = await epochOf(store);
      const second = await epochOf(store);
      await store.remove(WORKER, second);
      for (const epoch of [first, second])
        expect(await store.replace(replacementOf(epoch, 9n))).toEqual({ kind: 'fenced', epoch: second });
      expect(await store.read(WORKER)).toBeNull();
      const { epoch } = await store.claim(WORKER);
      expect(await store.replace(replacementOf(epoch, 9n))).toEqual({ kind: 'ok' });
    });

    test('leaves its neighbours alone', async () => {
      const first = await epochOf(store);
      const theirs = await epochOf(store, 'default/neighbour');
      await store.commit(commitOf(theirs, 0n, [{ key: 'n', json: '"theirs"' }], 'default/neighbour'));
      const [replaced, next] = await Promise.all([
        store.replace(replacementOf(first, 9n)),
        store.commit(commitOf(theirs, 1n, [], 'default/neighbour')),
      ]);
      expect([replaced, next]).toEqual([{ kind: 'ok' }, { kind: 'ok' }]);
      expect(await store.read('default/neighbour')).toMatchObject({ revision: 2n, entries: [['n', '"theirs"']] });
    });

    test('keeps its order among commits that were called before and behind it', async () => {
      const first = await epochOf(store);
      const results = await Promise.all([
        store.commit(commitOf(first, 0n, [{ key: 'before', json: '1' }])),
        store.replace(replacementOf(first, 5n)),
        store.commit(commitOf(first, 5n, [{ key: 'behind', json: '1' }])),
      ]);
      expect(results).toEqual([{ kind: 'ok' }, { kind: 'ok' }, { kind: 'ok' }]);
      const { entries } = (await store.read(WORKER)) ?? {};
      expect(new Map(entries)).toEqual(new Map(Object.entries({ n: '7', behind: '1' })));
    });

    test('takes a whole state of 16 MiB in ten thousand keys, every text as it was written', async () => {
      const first = await epochOf(store);
      const fat = JSON.stringify('x'.repeat(512 * KiB - 2));
      const entries = Array.from({ length: 10_000 }, (_, n) => [`ключ ${n}`, n < 31 ? fat : `"\u0000${n}"`] as const);
      expect(await store.replace(replacementOf(first, 2n, { entries }))).toEqual({ kind: 'ok' });
      expect(new Map((await store.read(WORKER))?.entries)).toEqual(new Map(entries));
    });

    test('refuses text that has no UTF-8 form, and keeps what is stored', async () => {
      const first = await epochOf(store);
      for (const over of [
        { entries: [['\ud800', '1']] },
        { entries: [['a', '"\udc00"']] },
        { head: '"\ud800"' },
      ] as const) {
        const refused = store.replace(replacementOf(first, 9n, over));
        await expect(refused).rejects.toMatchObject({ code: 'STATE_INVALID' });
      }
      expect(await store.read(WORKER)).toMatchObject({ revision: 0n, entries: [] });
    });

    test('is on the disk when the answer comes, and a closed store answers no more', async () => {
      const first = await epochOf(store);
      const large = 2n ** 53n + 1n;
      await store.replace(replacementOf(first, large));
      await store.close();
      await expect(store.replace(replacementOf(first, large + 1n))).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
      });
      if (!durable) return;
      store = await place.open();
      expect(await store.read(WORKER)).toMatchObject({ revision: large, entries: [['n', '7']] });
    });
  });
}
