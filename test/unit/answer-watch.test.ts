import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MiB } from '../../src/core/limits.ts';
import { AnswerWatch } from '../../src/store/redis/answer-watch.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function start(secure = false) {
  const handle = { writeQueueSize: 0 };
  // Below TLS the queue of the connection itself.
  const socket = {
    bytesRead: 0,
    bytesWritten: 0,
    _handle: secure ? { writeQueueSize: 16 * MiB, _parent: handle } : handle,
    isAwaited: true,
    destroy: (error: Error) => {
      reasons.push(error.message);
      for (const reject of hanging.splice(0)) reject(error);
    },
  };
  /** Another server's. */
  const other = { ...socket, _handle: { writeQueueSize: 0 }, destroy: () => reasons.push('the other one') };
  const reasons: string[] = [];
  const hanging: ((error: Error) => void)[] = [];
  const watch = new AnswerWatch({
    connections: () =>
      [socket, other].map((each) => ({ socket: each as unknown as Socket, isAwaited: each.isAwaited })),
    onLate: (reason) => new Error(reason),
  });
  other.isAwaited = false;
  const failed: string[] = [];
  /** Asks for something that is never answered, until that is called. */
  const ask = (bytes = 100, hangsOn?: (one: Socket) => boolean): (() => void) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    hanging.push(reject);
    watch.within(promise, bytes, hangsOn).catch((error: Error) => failed.push(error.message));
    return resolve;
  };
  return { socket, other, handle, reasons, failed, ask };
}

const wait = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

test.each([
  ['a plain connection', false],
  ['TLS', true],
])(
  'over %s silence is counted from the last byte that moved either way, and ends all that wait',
  async (_name, secure) => {
    const { socket, handle, reasons, failed, ask } = start(secure);
    ask();
    await wait(4_500);
    socket.bytesRead += 1;
    await wait(4_500);
    handle.writeQueueSize = 5_000;
    await wait(4_500);
    handle.writeQueueSize = 4_000;
    ask();
    await wait(4_500);
    expect(reasons).toEqual([]);
    await wait(1_000);
    expect(reasons).toEqual(['no answer within 5 s']);
    expect(failed).toHaveLength(2);
  },
);

test('what moves on another connection says nothing of this one, which alone is cut', async () => {
  const { other, reasons, ask } = start();
  other.isAwaited = true;
  ask();
  for (let n = 0; n < 6; n++) {
    other.bytesRead += 1;
    await wait(1_000);
  }
  expect(reasons).toEqual(['no answer within 5 s']);
});

test('a connection on which nobody waits may be silent', async () => {
  const { socket, reasons, other, ask } = start();
  Object.assign(socket, { isAwaited: false });
  other.isAwaited = true;
  ask();
  await wait(4_500);
  Object.assign(socket, { isAwaited: true });
  other.bytesRead += 1;
  await wait(4_500);
  expect(reasons).toEqual([]);
});

test('what only was handed over moves nothing', async () => {
  const { socket, reasons, ask } = start();
  ask();
  for (let n = 0; n < 6; n++) {
    socket.bytesWritten += 1_000;
    await wait(1_000);
  }
  expect(reasons).toEqual(['no answer within 5 s']);
});

test('a large request gets the time that its unseen part may take, of 4 MiB at most', async () => {
  const { reasons, ask } = start();
  ask(16 * MiB);
  await wait(12_500);
  expect(reasons).toEqual([]);
  await wait(1_000);
  expect(reasons).toEqual(['no answer within 13 s']);
});

test('nobody waits for more than a minute, whatever moves', async () => {
  const { socket, reasons, ask } = start();
  ask();
  for (let s = 0; s < 59; s++) {
    socket.bytesRead += 1;
    await wait(1_000);
  }
  expect(reasons).toEqual([]);
  await wait(1_000);
  expect(reasons).toEqual(['no answer within 60 s']);
});

test('who knows on which connection he waits cuts no other, and fails as well where that is none', async () => {
  const { socket, other, reasons, failed, ask } = start();
  other.isAwaited = true;
  ask(100, (one) => one === (socket as unknown as Socket));
  const minute = async (): Promise<void> => {
    for (let s = 0; s < 60; s++) {
      for (const each of [socket, other]) each.bytesRead += 1;
      await wait(1_000);
    }
  };
  await minute();
  expect(reasons).toEqual(['no answer within 60 s']);
  expect(failed).toEqual(['no answer within 60 s']);
  ask(100, () => false);
  await minute();
  expect(reasons).toHaveLength(1);
  expect(failed).toHaveLength(2);
});

test('nothing is counted while nobody waits, and no timer is left', async () => {
  const { reasons, ask } = start();
  const answer = ask();
  await wait(4_500);
  answer();
  await wait(60_000);
  expect(vi.getTimerCount()).toBe(0);
  ask();
  await wait(4_500);
  expect(reasons).toEqual([]);
});
