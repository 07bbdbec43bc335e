/** Small text that becomes much, and more text than anybody can hear: the node goes on, and drops the cell where it must. */
import { describe, expect, it } from 'vitest';
import { countParts, encodeFrames, FrameReader, frameOf, PARTS_MAX } from '../../sandbox/cell/channel.ts';
import { FRAME_BYTES_MAX } from '../../sandbox/protocol.ts';
import type { Step } from '../support/fake-cell.ts';
import { HELLO, LOADED, UNTIL_LOAD } from '../support/fake-launch.ts';
import { createPool, MIB, startFake } from '../support/fake-wire.ts';
import { LoopWatch } from '../support/loop-watch.ts';

/** Work of the node's thread without a turn of its loop, ms. */
const BUSY_MS_MAX = 250;
const bomb = (json: string, text: string, bytes = 16 * MIB): Step => ({
  kind: 'frame',
  json,
  fill: { text, times: Math.floor(bytes / text.length) },
});

describe('a frame that becomes much when it is parsed', () => {
  const BOMBS: readonly (readonly [what: string, step: Step])[] = [
    ['arrays', bomb('[$fill[]]', '[],')],
    ['objects', bomb('[$fill{}]', '{},')],
    ['names', bomb('[{$fill"a":1}]', '"a":1,')],
    ['empty texts', bomb('[$fill""]', '"",')],
    ['numbers', bomb('[$fill 1]', '1,')],
    ['brackets', bomb('$fill', '[')],
    ['entries', bomb('[{"kind":"stream","sandbox":1,"incarnation":1,"entries":[$fill["f",1]]}]', '["f",1],')],
  ];
  for (const [what, step] of BOMBS)
    it(`of ${what} is not parsed, and ends the cell`, async () => {
      const loop = new LoopWatch();
      const { closed } = startFake([HELLO, step]);
      expect(await closed).toBe('it broke the protocol: a frame has too many parts');
      expect(loop.stop().busiest).toBeLessThan(BUSY_MS_MAX);
    }, 60_000);

  it('is told from one large text, which is heard', async () => {
    const text = bomb(
      '[{"kind":"stream","sandbox":1,"incarnation":1,"entries":[["s","k","$fill"]]}]',
      '[],{}:',
      32 * MIB,
    );
    const loop = new LoopWatch();
    const { closed, messages } = startFake([HELLO, text, { kind: 'end' }]);
    await closed;
    expect(messages.map(({ kind }) => kind)).toEqual(['hello', 'stream']);
    expect(loop.stop().busiest).toBeLessThan(BUSY_MS_MAX);
  }, 60_000);

  it('counts what stands outside of texts, whatever is inside of them', () => {
    const parts = (json: string): number => countParts(Buffer.from(json), 0, json.length, 1_000);
    expect(parts('["[[[,,,:::", "\\"[,", "\\\\", 1]')).toBe(1 + 3 + 3);
    expect(parts('{"a":1,"b":[{}]}')).toBe(1 + 2 + 20 + 1 + 2);
    expect(countParts(Buffer.from('[,,,,,,,,]'), 0, 10, 3)).toBe(4);
  });
});

describe('what a cell that keeps to the protocol has to say', () => {
  it('fits, however much it is at once', () => {
    const at = { sandbox: 1, incarnation: 1 };
    const entries = Array.from({ length: 25_000 }, (_, i) => ['s', `key-${i}`, '{"a":[1,2,3]}']);
    const messages: object[] = [{ kind: 'stream', ...at, entries }];
    for (let i = 0; i < 20_000; i++)
      messages.push({
        kind: 'ended',
        ...at,
        run: i,
        entries: [['s', 'n', `${i}`]],
        outcome: 'error',
        error: { name: 'E', message: 'm', stack: 's' },
        waitedMs: 1,
        durationMs: 1,
        insideMs: 0,
        cpuMs: 1,
        intact: true,
      });
    messages.push({ kind: 'stream', ...at, entries });
    const heard: unknown[] = [];
    const reader = new FrameReader((list) => void heard.push(...list), FRAME_BYTES_MAX, PARTS_MAX / 2);
    for (const frame of encodeFrames(messages)) reader.push(frame);
    expect(heard).toEqual(messages);
    expect(() => reader.push(frameOf(JSON.stringify([[...messages, ...messages]])))).toThrow('too many parts');
  });
});

describe('a cell that talks without end', () => {
  const AT = '"sandbox":"$sandbox","incarnation":"$incarnation"';
  const flood = (message: string): Step => ({
    kind: 'frame',
    json: `[$fill${message}]`,
    fill: { text: `${message},`, times: 1_000 },
    frames: 300,
  });
  it.each([
    ['that a run settled', `{"kind":"settled",${AT}}`],
    ['that a run began', `{"kind":"started",${AT},"forMs":0}`],
    ['in small pieces of state', `{"kind":"stream",${AT},"entries":[["s","k","1"],["d","k"]]}`],
    ['of sandboxes that are not there', '{"kind":"settled","sandbox":9,"incarnation":9}'],
  ])(
    '%s holds up nobody',
    async (_what, message) => {
      const { place, reasons } = createPool([...UNTIL_LOAD, LOADED, flood(message), { kind: 'end' }]);
      const seat = await place();
      const loop = new LoopWatch();
      let turns = 0;
      const timer = setInterval(() => {
        turns += 1;
      }, 10);
      const from = performance.now();
      await seat.lost;
      const tookMs = performance.now() - from;
      clearInterval(timer);
      expect(reasons).toEqual(['it was ended by SIGKILL']);
      expect(loop.stop().busiest).toBeLessThan(60);
      expect(turns).toBeGreaterThan(tookMs / 100);
    },
    60_000,
  );
});
