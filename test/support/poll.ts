import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again and again until the answer is not undefined; for what another process does and nothing tells of. */
export async function poll<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  { limitMs = 10_000, everyMs = 10 } = {},
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await sleep(everyMs);
  }
}
