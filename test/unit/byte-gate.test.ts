import { expect, test } from 'vitest';
import { ByteGate } from '../../src/store/synced/byte-gate.ts';
import { settle } from '../support/fake-clock.ts';

test('so many bytes are inside at once, in the order of their coming, and one that is larger alone', async () => {
  const gate = new ByteGate(10);
  const inside: number[] = [];
  const leaves: (() => void)[] = [];
  const come = (bytes: number): void =>
    void gate.enter(bytes).then((leave) => {
      inside.push(bytes);
      leaves.push(leave);
    });
  for (const bytes of [4, 5, 25, 1, 2]) come(bytes);
  await settle();
  expect(inside).toEqual([4, 5]);
  leaves[0]?.();
  await settle();
  // 1 would fit, and would let 25 wait for ever.
  expect(inside).toEqual([4, 5]);
  leaves[1]?.();
  await settle();
  expect(inside).toEqual([4, 5, 25]);
  leaves[2]?.();
  come(8);
  await settle();
  expect(inside).toEqual([4, 5, 25, 1, 2]);
  leaves[3]?.();
  await settle();
  expect(inside).toEqual([4, 5, 25, 1, 2, 8]);
});
