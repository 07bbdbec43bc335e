import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CellBackend } from '../../sandbox/cell/backend.ts';
import { Cell } from '../../sandbox/cell/cell.ts';
import type { GuestIsolate } from '../../sandbox/isolate/guest-isolate.ts';
import { type FromCell, GUEST_NOT_MADE, type LoadSpec } from '../../sandbox/protocol.ts';

const SPEC = { language: 'javascript', limits: { loadTimeoutMs: 30_000 } } as unknown as LoadSpec;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function createCell(createGuest: CellBackend['createGuest']): { cell: Cell; written: FromCell[] } {
  const written: FromCell[] = [];
  const wire = {
    write: (messages: readonly FromCell[]) => void written.push(...messages),
    board: { write: () => undefined },
  };
  return { cell: new Cell({ loadsAtOnce: 1, createGuest }, 1, wire), written };
}

describe('a sandbox that is never made', () => {
  test('gives the whole cell up after 15 s, and says why', async () => {
    const { cell, written } = createCell(() => new Promise<GuestIsolate>(() => undefined));
    cell.handle({ kind: 'load', sandbox: 1, incarnation: 1, spec: SPEC });
    await vi.advanceTimersByTimeAsync(14_900);
    expect(written).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(written).toEqual([{ kind: 'fatal', message: GUEST_NOT_MADE }]);
  });

  test('is not one that fails in time: that ends this load only', async () => {
    const { cell, written } = createCell(async () => {
      throw new Error('no memory');
    });
    cell.handle({ kind: 'load', sandbox: 1, incarnation: 1, spec: SPEC });
    cell.handle({ kind: 'load', sandbox: 2, incarnation: 2, spec: SPEC });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(written.map(({ kind }) => kind)).toEqual(['load-failed', 'load-failed']);
  });

  test('does not run out of time while others are made before it', async () => {
    const { cell, written } = createCell(
      () => new Promise((_, reject) => setTimeout(() => reject(new Error('slow')), 10_000)),
    );
    for (let i = 1; i <= 5; i++) cell.handle({ kind: 'load', sandbox: i, incarnation: i, spec: SPEC });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(written.map(({ kind }) => kind)).toEqual(Array(5).fill('load-failed'));
  });
});
