/** Is somebody answering at an address? */
import { setTimeout as pause } from 'node:timers/promises';

const TRY_MS = 1_000;
const BETWEEN_MS = 100;

async function statusOf(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TRY_MS), redirect: 'manual' });
    await response.body?.cancel();
    return response.status;
  } catch {
    return undefined;
  }
}

/** Any answer counts, also a refusal. */
export async function isAnswering(url: string): Promise<boolean> {
  return (await statusOf(url)) !== undefined;
}

/** Asks until the answer is 2xx. Other results say why it is not ready. */
export async function waitUntilReady(url: string, timeoutMs: number, signal: AbortSignal): Promise<string> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const status = await statusOf(url);
    if (status !== undefined && status >= 200 && status < 300) return 'ready';
    if (signal.aborted) return 'aborted';
    if (performance.now() > deadline) {
      const last = status === undefined ? 'nothing answers' : `the answer is ${status}`;
      return `was not ready within ${timeoutMs} ms: ${last} at ${url}`;
    }
    await pause(BETWEEN_MS);
  }
}
