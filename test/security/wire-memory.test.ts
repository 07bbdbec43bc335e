/** Whatever a cell says, the node keeps little of it. */
import { describe, expect, it } from 'vitest';
import { FRAME_BYTES_MAX } from '../../sandbox/protocol.ts';
import type { Step } from '../support/fake-cell.ts';
import { HELLO } from '../support/fake-launch.ts';
import { header, MIB, raw, startFake } from '../support/fake-wire.ts';

describe('what costs memory is bounded', () => {
  const measure = async (run: () => Promise<void>): Promise<number> => {
    const before = process.memoryUsage.rss();
    let most = before;
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss());
    }, 10);
    await run();
    clearInterval(timer);
    return most - before;
  };

  it('half a frame, byte by byte, costs little more than the frame', async () => {
    const growth = await measure(async () => {
      const { closed, cell } = startFake([
        HELLO,
        raw(header(FRAME_BYTES_MAX)),
        { kind: 'drip', base64: 'eHh4eHh4eHh4eA==', times: 20_000 },
        { kind: 'end' },
      ]);
      expect(await closed).toBe('it was ended by SIGKILL');
      expect(cell.closed).toBe(true);
    });
    expect(growth).toBeLessThan(150 * MIB);
  });

  it('a gigabyte of good messages that lead nowhere is read and forgotten', async () => {
    const json = '[{"kind":"stream","sandbox":1,"incarnation":1,"entries":[["s","key","$fill"]]}]';
    const flood: Step = { kind: 'frame', json, fill: { text: 'x', times: 1_000_000 }, frames: 1_000 };
    let heard = 0;
    const growth = await measure(async () => {
      const { closed } = startFake([flood, { kind: 'end' }], () => {
        heard += 1;
      });
      await closed;
    });
    expect(heard).toBe(1_000);
    expect(growth).toBeLessThan(400 * MIB);
  }, 60_000);

  it('a cell that stops reading is ended when too much waits for it', async () => {
    const growth = await measure(async () => {
      const { cell, closed } = startFake([HELLO]);
      const json = 'x'.repeat(4 * MIB);
      let over = false;
      void closed.then(() => {
        over = true;
      });
      while (!over) {
        cell.send({ kind: 'reply', sandbox: 1, incarnation: 1, call: 1, json });
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(await closed).toBe('it stopped reading its pipe');
    });
    expect(growth).toBeLessThan(450 * MIB);
  });

  it('a flood of what it prints keeps the last lines only', async () => {
    const { closed } = startFake([
      { kind: 'stderr', text: `${'error '.repeat(1_000)}\n`, times: 5_000 },
      { kind: 'end' },
    ]);
    expect((await closed).length).toBeLessThan(400);
  });
});
