/**
 * Two owners that believe in themselves, in random interleavings, judged by a tiny model: what was acknowledged is
 * there, every revision was given once, and nothing was accepted from an owner after another one had claimed.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Commit, CommitResult, StateStore } from '../../src/store/contracts.ts';
import type { Implementation, StatePlace } from '../support/store-places.ts';

interface Step {
  readonly owner: 0 | 1;
  readonly kind: 'claim' | 'commit' | 'retry' | 'skip-a-revision';
  readonly key: string;
  readonly json: string | null;
  /** Wait for the answer before the next step, or let it overlap. */
  readonly wait: boolean;
}

interface Owner {
  epoch: bigint;
  revision: bigint;
  last: Commit | null;
}

interface Sent {
  readonly commit: Commit;
  /** A newer owner's claim had been answered when this was called. */
  readonly late: boolean;
  readonly result: Promise<CommitResult>;
}

const step: fc.Arbitrary<Step> = fc.record({
  owner: fc.constantFrom<0 | 1>(0, 1),
  kind: fc.constantFrom<Step['kind']>('claim', 'commit', 'commit', 'commit', 'commit', 'retry', 'skip-a-revision'),
  key: fc.constantFrom('a', 'b', '__proto__'),
  json: fc.option(fc.json({ maxDepth: 1 }), { freq: 5 }),
  wait: fc.boolean(),
});

async function play(store: StateStore, worker: string, steps: readonly Step[]): Promise<Sent[]> {
  const owners: Owner[] = [];
  const sent: Sent[] = [];
  let newest = 0n;
  for (const [index, { owner: which, kind, key, json, wait }] of steps.entries()) {
    const owner = owners[which];
    if (kind === 'claim' || owner === undefined) {
      const { epoch, revision } = await store.claim(worker);
      owners[which] = { epoch, revision, last: null };
      newest = epoch;
      continue;
    }
    if (kind === 'retry' && owner.last === null) continue;
    const base = owner.revision + (kind === 'skip-a-revision' ? 1n : 0n);
    const fresh: Commit = {
      worker,
      epoch: owner.epoch,
      base,
      revision: base + 1n,
      commitId: `commit-${index}`,
      head: `{"step":${index}}`,
      changes: [{ key, json }],
    };
    const commit = kind === 'retry' && owner.last !== null ? owner.last : fresh;
    const result = store.commit(commit);
    sent.push({ commit, late: owner.epoch < newest, result });
    if (kind === 'commit') {
      owner.revision = fresh.revision;
      owner.last = fresh;
    }
    if (wait) await result;
  }
  return sent;
}

async function judge(store: StateStore, worker: string, sent: readonly Sent[]): Promise<void> {
  const accepted = new Map<bigint, Commit>();
  for (const { commit, late, result } of sent) {
    if ((await result).kind !== 'ok') continue;
    expect(late, `${commit.commitId} of epoch ${commit.epoch} was accepted after a newer claim`).toBe(false);
    const before = accepted.get(commit.revision);
    expect(before?.commitId ?? commit.commitId, `revision ${commit.revision} was given twice`).toBe(commit.commitId);
    accepted.set(commit.revision, commit);
  }
  const model = new Map<string, string>();
  let head: string | null = null;
  for (let revision = 1n; revision <= BigInt(accepted.size); revision++) {
    const commit = accepted.get(revision);
    expect(commit, `revision ${revision} was skipped`).toBeDefined();
    head = commit?.head ?? null;
    for (const { key, json } of commit?.changes ?? []) {
      if (json === null) model.delete(key);
      else model.set(key, json);
    }
  }
  const stored = await store.read(worker);
  expect(stored?.revision ?? 0n).toBe(BigInt(accepted.size));
  expect(stored?.head ?? null).toBe(head);
  expect(new Map(stored?.entries)).toEqual(model);
}

export function stateStoreOwnersContract({ name, create }: Implementation<StatePlace>): void {
  describe(`two owners of one worker in the ${name} state store`, () => {
    let place: StatePlace;
    let store: StateStore;

    beforeAll(async () => {
      place = await create();
      store = await place.open();
    });

    afterAll(async () => {
      await store.close();
      await place.dispose();
    });

    test('never lose an acknowledged write and never write after they were fenced', async () => {
      let round = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
          const worker = `default/w${round++}`;
          await judge(store, worker, await play(store, worker, steps));
        }),
        { numRuns: 200 },
      );
    });
  });
}
