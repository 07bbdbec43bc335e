/** How messages gather into frames, on a clock that the test moves. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Outbox } from '../../sandbox/cell/outbox.ts';

const SPACING = { ms: 1, busyMs: 5, busyMessages: 2 };

function open(): { outbox: Outbox<string>; frames: string[] } {
  const frames: string[] = [];
  return { outbox: new Outbox<string>(SPACING, (messages) => frames.push(messages.join(''))), frames };
}

describe('messages on their way', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.advanceTimersByTime(1_000);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('go at once when they come alone, those of one turn together and in order', async () => {
    const { outbox, frames } = open();
    outbox.push('a');
    outbox.push('b');
    expect(frames).toEqual([]);
    await vi.advanceTimersByTimeAsync(0);
    expect(frames).toEqual(['ab']);
  });

  test('wait for a moment behind another frame, and for longer behind one of many', async () => {
    const { outbox, frames } = open();
    outbox.push('a');
    await vi.advanceTimersByTimeAsync(0);
    outbox.push('b');
    outbox.push('c');
    await vi.advanceTimersByTimeAsync(1);
    expect(frames).toEqual(['a', 'bc']);
    outbox.push('d');
    await vi.advanceTimersByTimeAsync(4);
    expect(frames).toEqual(['a', 'bc']);
    await vi.advanceTimersByTimeAsync(1);
    expect(frames).toEqual(['a', 'bc', 'd']);
  });

  test('do not wait when one of them is in haste, which takes the others along', async () => {
    const { outbox, frames } = open();
    outbox.push('a');
    outbox.push('b');
    await vi.advanceTimersByTimeAsync(0);
    outbox.push('c');
    outbox.push('d', true);
    outbox.push('e');
    await vi.advanceTimersByTimeAsync(0);
    expect(frames).toEqual(['ab', 'cde']);
    await vi.advanceTimersByTimeAsync(100);
    expect(frames).toEqual(['ab', 'cde']);
  });

  test('are out when they are flushed, once', async () => {
    const { outbox, frames } = open();
    outbox.push('a');
    outbox.flush();
    outbox.flush();
    expect(frames).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(100);
    expect(frames).toEqual(['a']);
  });
});
