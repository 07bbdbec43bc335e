/** The cell itself, with guests that the test lets in and out: what stands on its board, and what it tells the node of a run. */
import { describe, expect, test } from 'vitest';
import { Cell } from '../../sandbox/cell/cell.ts';
import { createStream } from '../../sandbox/guest/stream.guest.ts';
import type { GuestIsolate, SliceEnd } from '../../sandbox/isolate/guest-isolate.ts';
import { RingReader } from '../../sandbox/isolate/ring-reader.ts';
import type { FromCell, LoadSpec, RunInfo } from '../../sandbox/protocol.ts';

const SPEC = { language: 'javascript', limits: { loadTimeoutMs: 30_000 } } as unknown as LoadSpec;
const REPORT = { functions: ['tick' as const], setupBindsGlobals: false, durationMs: 0 };
const INFO: RunInfo = { tick: 1, intervalMs: 1_000, dueAt: 0, lastTickAt: null, startedBy: 'deploy' };
const turn = (ms = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function open(slots: number) {
  const sent: FromCell[] = [];
  const boards: number[][] = [];
  /** What stood on the board when a guest was entered. */
  const atEntry: number[][] = [];
  const out: (() => void)[] = [];
  const streams: ReturnType<typeof createStream>[] = [];
  const createGuest = async (): Promise<GuestIsolate> => {
    const ring = new RingReader();
    streams.push(createStream(ring.buffer, () => undefined));
    const guest = {
      ...{ ring, disposed: false, cpuMs: 0, takeCpuMs: () => 0, dispose: () => undefined },
      enter: (): Promise<SliceEnd> => {
        atEntry.push(boards.at(-1) ?? []);
        return new Promise((resolve) => out.push(() => resolve({ kind: 'returned' })));
      },
    };
    return guest as unknown as GuestIsolate;
  };
  const cell = new Cell({ loadsAtOnce: 4, createGuest }, slots, {
    write: (messages) => void sent.push(...messages),
    board: { write: (inside) => void boards.push(Array.from(inside, ({ address }) => address.sandbox)) },
  });
  return {
    ...{ cell, sent, boards, atEntry, streams },
    kinds: () => sent.map(({ kind }) => kind),
    async leave(): Promise<void> {
      out.shift()?.();
      await turn();
    },
    async load(sandbox: number): Promise<void> {
      cell.handle({ kind: 'load', sandbox, incarnation: sandbox, spec: SPEC });
      await turn();
      streams[sandbox - 1]?.event(['e', 'ok', REPORT]);
      out.shift()?.();
      await turn(5);
    },
    run: (sandbox: number) =>
      cell.handle({
        ...{ kind: 'run', sandbox, incarnation: sandbox, run: 1, fn: 'tick' },
        ...{ timeoutMs: 10_000, graceMs: 0, info: INFO },
      }),
  };
}

describe('the board of a cell', () => {
  test('names a guest before it is entered, and not any more when it is out', async () => {
    const { load, run, leave, boards, atEntry, streams } = open(2);
    await load(1);
    await load(2);
    expect(atEntry).toEqual([[1], [2]]);
    expect(boards.at(-1)).toEqual([]);
    run(1);
    run(2);
    await turn();
    expect(atEntry.slice(2)).toEqual([
      [1, 2],
      [1, 2],
    ]);
    streams[0]?.endedWell();
    await leave();
    expect(boards.at(-1)).toEqual([2]);
    streams[1]?.endedWell();
    await leave();
    expect(boards.at(-1)).toEqual([]);
  });
});

describe('that a run has begun', () => {
  test('is not worth a message where it is over at once', async () => {
    const { load, run, leave, kinds, streams } = open(1);
    await load(1);
    run(1);
    await turn();
    streams[0]?.endedWell();
    await leave();
    await turn(10);
    expect(kinds()).toEqual(['loaded', 'ended']);
  });

  test('is told once, before anything else of it, where its guest waits', async () => {
    const { load, run, leave, kinds, streams, sent } = open(1);
    await load(1);
    run(1);
    await turn(20);
    streams[0]?.event(['l', 'info', 'waits', null, 0]);
    await leave();
    await turn(10);
    expect(kinds()).toEqual(['loaded', 'started', 'stream', 'settled']);
    const started = sent.find((message) => message.kind === 'started');
    expect(started?.kind === 'started' ? started.forMs : 0).toBeGreaterThan(15);
  });

  test('is told while its guest runs on', async () => {
    const { load, run, kinds } = open(1);
    await load(1);
    run(1);
    await expect.poll(kinds, { timeout: 5_000 }).toEqual(['loaded', 'started']);
  });
});
