/** A cell that breaks the framing is ended with a reason, and nothing of what follows is heard. */
import { describe, expect, it } from 'vitest';
import { FRAME_BYTES_MAX } from '../../sandbox/protocol.ts';
import type { Step } from '../support/fake-cell.ts';
import { frame, HELLO } from '../support/fake-launch.ts';
import { header, raw, startFake } from '../support/fake-wire.ts';

const READY = frame('[{"kind":"ready","rssBytes":1}]');

describe('a cell that breaks the framing is ended with a reason', () => {
  const BROKEN: readonly (readonly [what: string, steps: readonly Step[], reason: RegExp])[] = [
    [
      'a length of 4 GiB',
      [raw(header(0xffffffff))],
      /broke the protocol: a frame of 4294967295 bytes is over the limit/,
    ],
    ['a length that is one too large', [raw(header(FRAME_BYTES_MAX + 1))], /over the limit/],
    ['text instead of a frame', [raw(Buffer.from('GET / HTTP/1.1\r\n\r\n'))], /over the limit/],
    ['a frame that is not JSON', [frame('[{"kind":')], /broke the protocol/],
    ['an empty frame', [frame('')], /broke the protocol/],
    [
      'half of a character',
      [raw(Buffer.concat([header(4), Buffer.from([0x5b, 0x22, 0xc3, 0x5d])]))],
      /broke the protocol/,
    ],
    ['an object instead of an array', [frame('{"kind":"hello"}')], /not an array/],
    ['a number', [frame('7')], /not an array/],
    ['null in the array', [frame('[null]')], /not a message/],
    ['an unknown kind', [frame('[{"kind":"run","sandbox":1,"incarnation":1,"forMs":0}]')], /not a message/],
    ['a prototype as kind', [frame('[{"kind":"__proto__","sandbox":1,"incarnation":1}]')], /not a message/],
    ['a message without an address', [frame('[{"kind":"started","forMs":0}]')], /not a message/],
    [
      'an address that is no whole number',
      [frame('[{"kind":"started","sandbox":1.5,"incarnation":1}]')],
      /not a message/,
    ],
    [
      'an array nested a million deep',
      [{ kind: 'frame', json: '$fill', fill: { text: '[', times: 1e6 } }],
      /broke the protocol/,
    ],
    ['a good message and a bad one', [HELLO, frame('[{"kind":"ready","rssBytes":-1}]')], /not a message/],
    [
      'an entry of an unknown kind',
      [frame('[{"kind":"stream","sandbox":1,"incarnation":1,"entries":[["x"]]}]')],
      /not a message/,
    ],
    [
      'a log line of 100,000 characters',
      [frame(`[{"kind":"stream","sandbox":1,"incarnation":1,"entries":[["l","info","${'x'.repeat(1e5)}",null,1]]}]`)],
      /not a message/,
    ],
    [
      'an error with a long stack',
      [
        frame(
          `[{"kind":"load-failed","sandbox":1,"incarnation":1,"code":"USER_ERROR","error":{"name":"","message":"","stack":"${'x'.repeat(1e5)}"}}]`,
        ),
      ],
      /not a message/,
    ],
    [
      'a negative duration',
      [
        frame(
          '[{"kind":"ended","sandbox":1,"incarnation":1,"run":1,"outcome":"ok","durationMs":-1,"cpuMs":0,"intact":true}]',
        ),
      ],
      /not a message/,
    ],
  ];
  for (const [what, steps, reason] of BROKEN)
    it(what, async () => {
      const { closed } = startFake(steps);
      expect(await closed).toMatch(reason);
    });

  it('nothing of what follows a broken frame is heard', async () => {
    const { closed, messages } = startFake([HELLO, frame('[7]'), HELLO, READY]);
    await closed;
    expect(messages).toHaveLength(1);
  });
});
