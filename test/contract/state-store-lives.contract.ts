/**
 * One worker through several lives of its store: each claims it, finds exactly what a plain map holds, sends commits and
 * replacements, some of them twice, waits for none of them, and closes the store. What an earlier life says then is refused.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checksumOf } from '../../src/core/checksum.ts';
import type { Commit, CommitResult, StateStore } from '../../src/store/contracts.ts';
import type { Implementation, StatePlace } from '../support/store-places.ts';

interface Step {
  readonly kind: 'commit' | 'twice' | 'replace';
  readonly changes: readonly { readonly key: string; readonly json: string | null }[];
  readonly durable: boolean;
  readonly urgent: boolean;
}

const KEYS = ['a', 'b', '', '__proto__', 'n\u0000l', '\ufdd00'] as const;
const change = fc.record({ key: fc.constantFrom(...KEYS), json: fc.option(fc.json({ maxDepth: 1 }), { freq: 4 }) });
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Step['kind']>('commit', 'commit', 'commit', 'twice', 'replace'),
  changes: fc.array(change, { maxLength: 4 }),
  durable: fc.boolean(),
  urgent: fc.boolean(),
});
const lives = fc.array(fc.array(step, { maxLength: 20 }), { minLength: 2, maxLength: 3 });

class Model {
  readonly state = new Map<string, string>();
  revision = 0n;
  epoch = 0n;
  head: string | null = null;

  apply(changes: Step['changes']): void {
    for (const { key, json } of changes) {
      if (json === null) this.state.delete(key);
      else this.state.set(key, json);
    }
    this.revision += 1n;
    this.head = `{"revision":${this.revision}}`;
  }

  expectIs(found: Awaited<ReturnType<StateStore['claim']>>): void {
    expect(found.revision).toBe(this.revision);
    expect(found.head).toBe(this.head);
    expect(new Map(found.entries)).toEqual(this.state);
    if (found.checksum !== undefined) expect(found.checksum).toBe(checksumOf(this.state));
    expect(found.epoch).toBeGreaterThan(this.epoch);
  }
}

/** Sends all steps at once; their answers. */
function send(store: StateStore, worker: string, model: Model, steps: readonly Step[]): Promise<CommitResult>[] {
  return steps.flatMap(({ kind, changes, durable, urgent }) => {
    const base = model.revision;
    model.apply(changes);
    const { epoch, revision } = model;
    const step = { worker, epoch, revision, commitId: `${epoch}-${revision}`, head: model.head ?? '' };
    const checksum = checksumOf(model.state);
    if (kind === 'replace') return [store.replace({ ...step, entries: [...model.state], checksum })];
    const commit: Commit = { ...step, base, changes, checksum, durable, urgent };
    return kind === 'twice' ? [store.commit(commit), store.commit(commit)] : [store.commit(commit)];
  });
}

export function stateStoreLivesContract({ name, durable, create }: Implementation<StatePlace>): void {
  if (!durable) return;
  describe(`several lives of the ${name} state store`, () => {
    let place: StatePlace;
    beforeAll(async () => {
      place = await create();
    });
    afterAll(() => place.dispose());

    test('keep what was said before they closed, and nothing else', { timeout: 60_000 }, async () => {
      let round = 0;
      await fc.assert(
        fc.asyncProperty(lives, async (all) => {
          const worker = `default/lives-${round++}`;
          const model = new Model();
          for (const steps of all) {
            const store = await place.open();
            const claimed = await store.claim(worker);
            model.expectIs(claimed);
            const late: Commit = {
              worker,
              epoch: model.epoch,
              base: model.revision,
              revision: model.revision + 1n,
              commitId: 'late',
              head: 'late',
              changes: [],
            };
            model.epoch = claimed.epoch;
            expect(await store.commit(late)).toEqual({ kind: 'fenced', epoch: claimed.epoch });
            const answers = send(store, worker, model, steps);
            await store.close();
            for (const answer of answers) expect(await answer).toEqual({ kind: 'ok' });
          }
          const last = await place.open();
          const read = await last.read(worker);
          await last.close();
          if (read === null) throw new Error('the worker is gone');
          expect(read.epoch).toBe(model.epoch);
          model.expectIs({ ...read, epoch: read.epoch + 1n });
        }),
        { numRuns: 4 },
      );
    });
  });
}
