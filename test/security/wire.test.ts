/**
 * A cell that was taken over can say anything. Whatever it says, the node lives, acts for no other sandbox, keeps little of it,
 * and ends the cell with a reason where the protocol is broken.
 */
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { FrameReader, frameOf } from '../../sandbox/cell/channel.ts';
import { EntryCollector } from '../../sandbox/cell/entries.ts';
import { FRAME_BYTES_MAX, type FromCell, type LoadSpec, PROTOCOL_VERSION } from '../../sandbox/protocol.ts';
import { checkFromCell } from '../../sandbox/protocol-check.ts';
import { pinnedNodeBinary } from '../../src/core/node-binary.ts';
import { type CellLoss, CellPool, type SandboxMessage } from '../../src/supervisor/cell-pool.ts';
import { CellProcess } from '../../src/supervisor/cell-process.ts';
import type { Step } from '../support/fake-cell.ts';

const FAKE = fileURLToPath(new URL('../support/fake-cell.ts', import.meta.url));
const MIB = 1_048_576;
const HELLO: Step = { kind: 'frame', json: `[{"kind":"hello","protocol":${PROTOCOL_VERSION},"pid":1,"node":"v26"}]` };
const READY: Step = { kind: 'frame', json: '[{"kind":"ready","rssBytes":1}]' };
const LOADED = `{"kind":"loaded","sandbox":"$sandbox","incarnation":"$incarnation","report":{"functions":["tick"],"setupBindsGlobals":false,"durationMs":1}}`;
const raw = (bytes: Uint8Array): Step => ({ kind: 'raw', base64: Buffer.from(bytes).toString('base64') });
const frame = (json: string): Step => ({ kind: 'frame', json });
const header = (length: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
};

const launchOf = (steps: readonly Step[]) => ({ command: pinnedNodeBinary(), args: [FAKE, JSON.stringify(steps)] });
const open = new Set<{ end(): void }>();
afterEach(() => {
  for (const one of open) one.end();
  open.clear();
});

interface Heard {
  readonly messages: FromCell[];
  readonly cell: CellProcess;
  readonly closed: Promise<string>;
}

function startFake(steps: readonly Step[], onMessage: (message: FromCell) => void = () => undefined): Heard {
  const messages: FromCell[] = [];
  let close: (reason: string) => void = () => undefined;
  const closed = new Promise<string>((resolve) => {
    close = resolve;
  });
  const cell = new CellProcess(launchOf(steps), {
    onMessage(message) {
      if (messages.length < 100) messages.push(message);
      onMessage(message);
    },
    onClosed: close,
  });
  open.add({ end: () => cell.kill('the test is over') });
  return { messages, cell, closed };
}

const SPEC = {
  worker: 'default/w',
  name: 'w',
  version: '1',
  language: 'javascript',
  entry: 'w.js',
  params: {},
  connected: {},
  capabilities: [],
  unconnected: {},
  state: [],
} as unknown as LoadSpec;

interface Seat {
  readonly messages: SandboxMessage[];
  readonly lost: Promise<CellLoss>;
  readonly heard: (kind: SandboxMessage['kind']) => Promise<SandboxMessage>;
}

function createPool(steps: readonly Step[]): { pool: CellPool; reasons: string[]; place: () => Promise<Seat> } {
  const reasons: string[] = [];
  const pool = new CellPool(
    {
      launch: () => launchOf(steps),
      init: (backend, slots) => ({ kind: 'init', protocol: PROTOCOL_VERSION, backend, prelude: '', slots }),
      prepare: async () => undefined,
      cellsMax: 4,
      workersPerCell: { isolate: 10, pyodide: 10 },
      growthBytes: 512 * MIB,
      onEvent: ({ event, reason }) => {
        if (event === 'lost') reasons.push(reason ?? '');
      },
    },
    4,
  );
  open.add({ end: () => void pool.close() });
  return { pool, reasons, place: () => place(pool) };
}

async function place(pool: CellPool): Promise<Seat> {
  const messages: SandboxMessage[] = [];
  const waiting: { kind: string; resolve: (message: SandboxMessage) => void }[] = [];
  let lose: (loss: CellLoss) => void = () => undefined;
  const lost = new Promise<CellLoss>((resolve) => {
    lose = resolve;
  });
  await pool.place(
    { workspace: 'default', backend: 'isolate', purpose: 'shared', spec: SPEC },
    {
      onMessage(message) {
        messages.push(message);
        for (const { kind, resolve } of waiting) if (kind === message.kind) resolve(message);
      },
      onLost: lose,
    },
  );
  const heard = (kind: SandboxMessage['kind']): Promise<SandboxMessage> =>
    new Promise((resolve) => {
      const already = messages.find((message) => message.kind === kind);
      if (already === undefined) waiting.push({ kind, resolve });
      else resolve(already);
    });
  return { messages, lost, heard };
}

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
    ['an unknown kind', [frame('[{"kind":"run","sandbox":1,"incarnation":1}]')], /not a message/],
    ['a prototype as kind', [frame('[{"kind":"__proto__","sandbox":1,"incarnation":1}]')], /not a message/],
    ['a message without an address', [frame('[{"kind":"started"}]')], /not a message/],
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

describe('a cell that lies about sandboxes', () => {
  const start = [
    { kind: 'read', until: 'init' },
    HELLO,
    READY,
    { kind: 'read', until: 'load' },
  ] as const satisfies Step[];

  it('is heard for the sandbox and incarnation that it holds, and for no other', async () => {
    const other = (sandbox: string, incarnation: string): Step =>
      frame(`[{"kind":"started","sandbox":${sandbox},"incarnation":${incarnation}}]`);
    const wrong = [
      other('"$sandbox"', '0'),
      other('"$sandbox"', '999999'),
      other('2', '"$incarnation"'),
      other('0', '0'),
    ];
    const { place } = createPool([...start, ...wrong, frame(`[${LOADED}]`)]);
    const seat = await place();
    await seat.heard('loaded');
    expect(seat.messages.map(({ kind }) => kind)).toEqual(['loaded']);
  });

  it('cannot speak for a sandbox of another cell', async () => {
    const honest = createPool([...start, frame(`[${LOADED}]`)]);
    const liar = createPool([
      ...start,
      ...[1, 2, 3].map((n) => frame(`[{"kind":"stuck","sandbox":1,"incarnation":${n + 1000},"cause":"memory"}]`)),
    ]);
    const seat = await honest.place();
    const other = await liar.place();
    const loss = await other.lost;
    expect(loss).toMatchObject({ suspect: false, culprit: false });
    await seat.heard('loaded');
    expect(seat.messages.map(({ kind }) => kind)).toEqual(['loaded']);
    expect(honest.reasons).toEqual([]);
  });

  for (const [what, json, reason] of [
    ['that is ready twice', '[{"kind":"ready","rssBytes":1}]', /ready twice/],
    ['that sends a snapshot nobody asked for', '[{"kind":"snapshot","base64":"","last":true}]', /nobody asked for/],
  ] as const)
    it(`${what} is ended`, async () => {
      const { place, reasons } = createPool([...start, frame(json)]);
      const seat = await place();
      expect((await seat.lost).reason).toMatch(reason);
      expect(reasons).toHaveLength(1);
    });

  it('tells its workers nothing of the host when it dies with a stack', async () => {
    const message =
      'uncaught: Error: no such file: /opt/host/secret.ts and file:///opt/host/x.ts:1:2\\n    at /opt/host/y.ts:3:4';
    const { place, reasons } = createPool([...start, frame(`[{"kind":"fatal","message":"${message}"}]`)]);
    const { reason } = await (await place()).lost;
    expect(reason).toBe('uncaught: Error: no such file: … and …:1:2');
    expect(reasons[0]).toContain('/opt/host/y.ts');
  });

  it('survives 100,000 random messages for sandboxes and incarnations that are not there, and then hears the true one', async () => {
    const { place, reasons } = createPool([...start, { kind: 'fuzz', seed: 42, frames: 10_000 }, frame(`[${LOADED}]`)]);
    const seat = await place();
    await seat.heard('loaded');
    expect(seat.messages.map(({ kind }) => kind)).toEqual(['loaded']);
    expect(reasons).toEqual([]);
    expect('polluted' in {}).toBe(false);
  }, 60_000);
});

describe('the checks themselves', () => {
  const kinds = [
    'hello',
    'ready',
    'snapshot',
    'fatal',
    'started',
    'settled',
    'unloaded',
    'stuck',
    'stream',
    'ended',
    'loaded',
    'load-failed',
  ];
  const messages = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(
      fc.constantFrom('kind', 'sandbox', 'incarnation', 'entries', 'run', 'error', '__proto__', 'report'),
      fc.jsonValue(),
    ),
    fc.record({
      kind: fc.constantFrom(...kinds),
      sandbox: fc.nat(),
      incarnation: fc.nat(),
      entries: fc.array(fc.array(fc.jsonValue())),
      error: fc.jsonValue(),
      report: fc.jsonValue(),
      run: fc.jsonValue(),
    }),
  );

  it('take any JSON without throwing, and what they let through has an address that is a number', () => {
    fc.assert(
      fc.property(messages, (value) => {
        const message = checkFromCell(value);
        if (message === null || !('sandbox' in message)) return;
        expect(Number.isSafeInteger(message.sandbox) || ['ready', 'fatal', 'snapshot'].includes(message.kind)).toBe(
          true,
        );
      }),
      { numRuns: 20_000, seed: 7 },
    );
  });

  it('a reader gives back what was framed however it is cut, and throws on anything else', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.jsonValue(), { maxLength: 4 }), { maxLength: 4 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
        (frames, cuts) => {
          const bytes = Buffer.concat(frames.map((messages) => frameOf(JSON.stringify(messages))));
          const heard: unknown[] = [];
          const reader = new FrameReader((messages) => void heard.push(messages));
          for (let at = 0; at < bytes.length; ) {
            const length = cuts.next().value;
            reader.push(bytes.subarray(at, at + length));
            at += length;
          }
          expect(JSON.stringify(heard)).toBe(JSON.stringify(frames));
        },
      ),
      { numRuns: 2_000, seed: 7 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 200 }), (bytes) => {
        try {
          new FrameReader(() => undefined, 100).push(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 5_000, seed: 7 },
    );
  });

  it('the cell itself takes nothing from a ring but what the prelude writes there', () => {
    const collector = (): EntryCollector =>
      new EntryCollector(
        () => undefined,
        () => undefined,
      );
    for (const entry of [
      'j7',
      'jnull',
      'j["u",7]',
      'j["u",[[1,2]]]',
      'j["t","x",1]',
      'j["e","ok",{}]',
      'j["e","error",7]',
      'j["l","evil","",null,1]',
      'j["l","info","",null,"x"]',
      'j["q",-1,"a","b"]',
      'j["s","a","b"]',
      'j[',
      'x',
      '',
    ])
      expect(() => collector().add(entry)).toThrow();
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const one = collector();
        try {
          one.add(`j${JSON.stringify(value)}`);
        } catch {
          return;
        }
        expect(checkFromCell({ kind: 'stream', sandbox: 1, incarnation: 1, entries: one.take() })).not.toBeNull();
      }),
      { numRuns: 5_000, seed: 7 },
    );
  });
});
