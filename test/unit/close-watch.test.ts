import { expect, test } from 'vitest';
import { CloseWatch } from '../../src/store/synced/close-watch.ts';
import { FakeClock } from '../support/fake-clock.ts';

const SILENT_MS = 2_000;
const LIMIT_MS = 10_000;

/** When a work without an end is no longer waited for, where something is answered at these times. */
async function givenUpAfter(answersMs: readonly number[]): Promise<number> {
  const clock = new FakeClock({ monoMs: 0 });
  let answers = 0;
  const watch = new CloseWatch({
    clock,
    limitMs: LIMIT_MS,
    silentMs: SILENT_MS,
    progress: () => `${answers}`,
  });
  let at = -1;
  const waited = watch.within(new Promise(() => undefined)).then(() => {
    at = clock.monoMs();
  });
  while (at < 0 && clock.monoMs() < 2 * LIMIT_MS) {
    if (answersMs.includes(clock.monoMs())) answers += 1;
    await clock.advance(50);
  }
  await waited;
  return at;
}

test('a close waits as long as something is answered, but no longer than its limit', async () => {
  for (const [answersMs, least] of [
    [[], SILENT_MS],
    [[1_000, 2_500], 2_500 + SILENT_MS],
    [Array.from({ length: 40 }, (_, n) => n * 500), LIMIT_MS],
  ] as const) {
    const at = await givenUpAfter(answersMs);
    expect(at).toBeGreaterThanOrEqual(least);
    expect(at).toBeLessThan(least + 200);
  }
});

test('a close ends with its work', async () => {
  const clock = new FakeClock();
  const watch = new CloseWatch({ clock, limitMs: LIMIT_MS, silentMs: SILENT_MS, progress: () => '' });
  await watch.within(Promise.resolve());
  await expect(watch.within(Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  watch.end();
});
