import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WorkerTurns } from '../../src/store/synced/worker-turns.ts';
import { settle } from '../support/fake-clock.ts';

test('commits of a worker run side by side, what runs alone does so after all before it and before all behind it', async () => {
  const turns = new WorkerTurns();
  const seen: string[] = [];
  const gates = new Map<string, () => void>();
  const work = (name: string) => () => {
    seen.push(`${name} begins`);
    return new Promise<void>((resolve) => {
      gates.set(name, resolve);
    });
  };
  const all = [
    turns.commit('a', work('one')),
    turns.commit('a', work('two')),
    turns.alone('a', work('claim')),
    turns.alone('a', work('read')),
    turns.commit('a', work('three')),
    turns.alone('b', work('other')),
  ];
  const end = async (name: string): Promise<void> => {
    gates.get(name)?.();
    await settle();
  };
  await settle();
  expect(seen.splice(0)).toEqual(['one begins', 'two begins', 'other begins']);
  await end('one');
  expect(seen).toEqual([]);
  await end('two');
  expect(seen.splice(0)).toEqual(['claim begins']);
  await end('claim');
  expect(seen.splice(0)).toEqual(['read begins']);
  await end('read');
  expect(seen).toEqual(['three begins']);
  await end('three');
  await end('other');
  await Promise.all(all);
});

test('what fails lets the next one run, and is told to its caller only', async () => {
  const turns = new WorkerTurns();
  const failed = turns.alone('a', () => Promise.reject(new Error('alone')));
  const after = turns.alone('a', async () => 'after');
  const commit = turns.commit('a', () => Promise.reject(new Error('commit')));
  const last = turns.commit('a', async () => 'last');
  await expect(failed).rejects.toThrow('alone');
  await expect(commit).rejects.toThrow('commit');
  expect(await Promise.all([after, last])).toEqual(['after', 'last']);
});

test('nothing ever runs beside what runs alone or on the wrong side of it, and everything ends', async () => {
  const operation = fc.record({ isAlone: fc.boolean(), turns: fc.nat(3), fails: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
      const order = new WorkerTurns();
      const running = new Set<{ readonly isAlone: boolean }>();
      const begun: number[] = [];
      const work = (self: (typeof operations)[number], at: number) => async (): Promise<void> => {
        const crowd = [self, ...running];
        if (crowd.length > 1) expect(crowd.some(({ isAlone }) => isAlone)).toBe(false);
        // What was called before and is on the other side of something alone has begun, and ended.
        const lastAlone = operations.slice(0, at).findLastIndex(({ isAlone }) => isAlone);
        const before = self.isAlone ? at : lastAlone + 1;
        for (let earlier = 0; earlier < before; earlier++) expect(begun).toContain(earlier);
        begun.push(at);
        running.add(self);
        for (let turn = 0; turn < self.turns; turn++) await Promise.resolve();
        running.delete(self);
        if (self.fails) throw new Error('it was told to fail');
      };
      const all = operations.map((self, at) =>
        self.isAlone ? order.alone('a', work(self, at)) : order.commit('a', work(self, at)),
      );
      const ends = await Promise.allSettled(all);
      const failed = ends.filter((end) => end.status === 'rejected').map(({ reason }) => String(reason));
      expect(failed).toEqual(operations.filter(({ fails }) => fails).map(() => 'Error: it was told to fail'));
    }),
  );
});
