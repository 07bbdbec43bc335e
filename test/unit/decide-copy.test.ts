import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checksumOf } from '../../src/core/checksum.ts';
import type { StoredCopy } from '../../src/store/contracts.ts';
import { changesBetween, compareVersions, decideCopy } from '../../src/store/synced/decide-copy.ts';

const ENTRIES = [['n', '1']] as const;

function copy(writtenEpoch: bigint, revision: bigint, over: Partial<StoredCopy> = {}): StoredCopy {
  const commitId = `${writtenEpoch}-${revision}`;
  const sum = checksumOf(ENTRIES);
  return { epoch: 9n, writtenEpoch, revision, commitId, head: '{}', entries: ENTRIES, checksum: sum, ...over };
}

const damaged = { checksum: 'f'.repeat(16) };
/** Of a release before there were checksums, or of a worker that never committed. */
const unchecked = (of: StoredCopy): StoredCopy => {
  const { checksum: _, ...rest } = of;
  return rest;
};
const postgres = (isDamaged: boolean) => ({ kind: 'postgres', damaged: isDamaged });
const redis = (isDamaged: boolean) => ({ kind: 'redis', damaged: isDamaged });
const conflict = (why: string) => ({ kind: 'conflict', why: expect.stringContaining(why) });

describe('which copy is right', () => {
  test.each([
    ['Redis has nothing', copy(1n, 5n), null, postgres(false)],
    ['Redis has nothing, Postgres is damaged', copy(1n, 5n, damaged), null, { kind: 'corrupt' }],
    ['both are the same', copy(1n, 5n), copy(1n, 5n), { kind: 'same' }],
    ['both are the same, owners differ', copy(1n, 5n, { epoch: 3n }), copy(1n, 5n, { epoch: 2n }), { kind: 'same' }],
    [
      'both never had a commit',
      unchecked(copy(1n, 0n, { commitId: null, entries: [] })),
      unchecked(copy(1n, 0n, { commitId: null, entries: [] })),
      { kind: 'same' },
    ],
    ['Redis has a later revision', copy(1n, 5n), copy(1n, 6n), redis(false)],
    ['Postgres has a later revision', copy(1n, 6n), copy(1n, 5n), postgres(false)],
    ['Redis has a later owner, with a lower revision', copy(1n, 6n), copy(2n, 5n), redis(false)],
    ['Postgres has a later owner, with a lower revision', copy(2n, 5n), copy(1n, 6n), postgres(false)],
    ['numbers beyond a double', copy(1n, 2n ** 53n), copy(1n, 2n ** 53n + 1n), redis(false)],
    [
      'the same revision of another commit',
      copy(1n, 5n),
      copy(1n, 5n, { commitId: 'other' }),
      conflict('both hold revision 5'),
    ],
    [
      'the same commit with other contents',
      copy(1n, 5n),
      copy(1n, 5n, { entries: [], checksum: checksumOf([]) }),
      conflict('both hold revision 5'),
    ],
    ['Redis is damaged, and the same', copy(1n, 5n), copy(1n, 5n, damaged), postgres(true)],
    ['Redis is damaged and older', copy(1n, 6n), copy(1n, 5n, damaged), postgres(true)],
    ['Redis is damaged and newer', copy(1n, 5n), copy(1n, 6n, damaged), conflict('Redis has the newer revision 6')],
    ['Postgres is damaged, and the same', copy(1n, 5n, damaged), copy(1n, 5n), redis(true)],
    ['Postgres is damaged and older', copy(1n, 5n, damaged), copy(1n, 6n), redis(true)],
    [
      'Postgres is damaged and newer',
      copy(1n, 6n, damaged),
      copy(1n, 5n),
      conflict('Postgres has the newer revision 6'),
    ],
    ['both are damaged', copy(1n, 5n, damaged), copy(1n, 6n, damaged), { kind: 'corrupt' }],
    ['one without a checksum is believed', unchecked(copy(1n, 5n)), copy(1n, 6n), redis(false)],
    ['a checksum on one side only', unchecked(copy(1n, 5n)), copy(1n, 5n), conflict('both hold revision 5')],
  ])('%s', (_name, inPostgres, inRedis, decision) => {
    expect(decideCopy(inPostgres, inRedis)).toEqual(decision);
  });

  test('is never the older one, and never one that does not match its checksum', () => {
    const some = fc
      .tuple(fc.bigInt(1n, 3n), fc.bigInt(0n, 3n), fc.boolean())
      .map(([owner, revision, isDamaged]) => copy(owner, revision, isDamaged ? damaged : {}));
    fc.assert(
      fc.property(some, some, (inPostgres, inRedis) => {
        const decision = decideCopy(inPostgres, inRedis);
        if (decision.kind !== 'redis' && decision.kind !== 'postgres') return;
        const [chosen, other] = decision.kind === 'redis' ? [inRedis, inPostgres] : [inPostgres, inRedis];
        expect(compareVersions(chosen, other)).toBeGreaterThanOrEqual(0);
        expect(chosen.checksum).toBe(checksumOf(chosen.entries));
      }),
    );
  });
});

test('the changes between two states make the one into the other, and are no more than that', () => {
  const state = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('1', '2'));
  fc.assert(
    fc.property(state, state, (from, to) => {
      const made = new Map<string, string>(Object.entries(from));
      for (const { key, json } of changesBetween(Object.entries(from), Object.entries(to))) {
        expect(made.get(key) ?? null).not.toBe(json);
        if (json === null) made.delete(key);
        else made.set(key, json);
      }
      expect(made).toEqual(new Map(Object.entries(to)));
    }),
  );
});
