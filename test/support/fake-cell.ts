/**
 * A cell that lies: the entry of a child process that a test starts in a cell's place. What it says comes from its first
 * argument, a list of {@link Step}.
 */
import { readSync, writeSync } from 'node:fs';

export interface Fill {
  readonly text: string;
  readonly times: number;
}

export type Step =
  /** Bytes as they are, base64. */
  | { readonly kind: 'raw'; readonly base64: string }
  /** A frame with these messages, once or again and again; `fill` stands in for "$fill". */
  | { readonly kind: 'frame'; readonly json: string; readonly frames?: number; readonly fill?: Fill }
  /** Bytes one at a time. */
  | { readonly kind: 'drip'; readonly base64: string; readonly times: number }
  /** Random messages of the right shape, none for the sandbox of the last `load`. */
  | { readonly kind: 'fuzz'; readonly seed: number; readonly frames: number }
  /**
   * As a cell that was taken over: random messages, its own sandbox's among them, frames said again, calls without a run; at last it
   * breaks the protocol in a way that the seed chooses.
   */
  | { readonly kind: 'rage'; readonly seed: number; readonly frames: number }
  /** Writes these words on its board; names stand for parts of the address. After them so many bytes of nothing. */
  | {
      readonly kind: 'board';
      readonly words: readonly (number | 'sandbox' | 'incarnation')[];
      readonly bytesAfter?: number;
    }
  | { readonly kind: 'stderr'; readonly text: string; readonly times: number }
  /** Reads one frame and keeps the address of a `load` in it: `"$sandbox"` and `"$incarnation"` in later frames. */
  | { readonly kind: 'read'; readonly until: string }
  /** From now on a frame with these messages every 20 ms. */
  | { readonly kind: 'hum'; readonly json: string }
  | { readonly kind: 'end' };

let address = { sandbox: 0, incarnation: 0 };

function write(bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(4, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') process.kill(process.pid, 'SIGKILL');
    }
  }
}

function frameOf(json: string): Buffer {
  const body = Buffer.from(
    json.replaceAll('"$sandbox"', `${address.sandbox}`).replaceAll('"$incarnation"', `${address.incarnation}`),
  );
  const frame = Buffer.alloc(4 + body.length);
  frame.writeUInt32BE(body.length);
  body.copy(frame, 4);
  return frame;
}

function read(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; ) {
    try {
      const count = readSync(3, buffer, at, bytes - at, null);
      if (count === 0) process.kill(process.pid, 'SIGKILL');
      at += count;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') process.kill(process.pid, 'SIGKILL');
    }
  }
  return buffer;
}

function readUntil(kind: string): void {
  for (;;) {
    const messages = JSON.parse(read(read(4).readUInt32BE()).toString()) as { kind: string }[];
    const found = messages.find((message) => message.kind === kind);
    if (found === undefined) continue;
    if ('sandbox' in found) {
      const { sandbox, incarnation } = found as unknown as typeof address;
      address = { sandbox, incarnation };
    }
    return;
  }
}

/** Mulberry32. */
function random(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const KINDS = ['started', 'settled', 'stream', 'ended', 'unloaded', 'loaded', 'load-failed', 'hello'];
const ENTRIES = ['s', 'd', 'l', 'n', 'q', 'f'];

interface Dice {
  readonly draw: () => number;
  readonly pick: <Item>(list: readonly Item[]) => Item;
  readonly count: () => number;
  readonly text: () => string;
  readonly entry: () => unknown[];
}

/** Exactly what the protocol declares, with anything in it. */
function randomMessage({ draw, pick, count, text, entry }: Dice, at: object): object {
  const entries = Array.from({ length: Math.floor(draw() * 4) }, entry);
  const error = { name: text(), message: text(), stack: text() };
  const kind = pick(KINDS);
  switch (kind) {
    case 'hello':
      return { kind, protocol: count(), pid: count(), node: text() };
    case 'started':
      return { kind, ...at, forMs: draw() * 1e6 };
    case 'stream':
      return { kind, ...at, entries };
    case 'loaded':
      return { kind, ...at, report: { functions: ['tick'], setupBindsGlobals: draw() < 0.5, durationMs: 1 } };
    case 'load-failed':
      return { kind, ...at, code: 'USER_ERROR', error };
    case 'ended': {
      const times = { waitedMs: draw() * 1e6, durationMs: draw() * 1e6, insideMs: draw(), cpuMs: draw() };
      const outcome = pick(['ok', 'error', 'timeout', 'memory', 'cancelled']);
      const more = { ...(draw() < 0.5 ? { entries } : {}), ...(draw() < 0.5 ? { error } : {}) };
      return { kind, ...at, run: pick([0, 1, 2, count()]), outcome, ...times, intact: draw() < 0.5, ...more };
    }
    default:
      return { kind, ...at };
  }
}

/** Well-formed messages with wrong addresses and runs: the node has to take them for what they are, late ones. */
function fuzz(seed: number, frames: number): void {
  const draw = random(seed);
  const pick = <Item>(list: readonly Item[]): Item => list[Math.floor(draw() * list.length)] as Item;
  const count = (): number => Math.floor(draw() ** 4 * Number.MAX_SAFE_INTEGER);
  const text = (): string =>
    pick(['', 'x', '__proto__', 'constructor', '\u0000', '\ud83d\ude00', 'probe.store', '{}', '[']);
  const entry = (): unknown[] => {
    const kind = pick(ENTRIES);
    if (kind === 'l')
      return [kind, pick(['debug', 'info', 'warn', 'error']), text(), pick([null, text()]), count() % 1e12];
    if (kind === 'n' || kind === 'f') return [kind, count()];
    if (kind === 'd') return [kind, text()];
    return kind === 'q' ? [kind, count(), text(), text()] : [kind, text(), text()];
  };
  for (let i = 0; i < frames; i++) {
    const messages = Array.from({ length: 1 + Math.floor(draw() * 20) }, () => {
      const at = {
        sandbox: pick([0, 1, 2, 3, address.sandbox + 1, count()]),
        // One more than any that was ever given out, or an older one, but never the right one.
        incarnation: pick([0, address.incarnation + 1 + (count() % 1e9), Math.max(0, address.incarnation - 1)]),
      };
      return randomMessage({ draw, pick, count, text, entry }, at);
    });
    write(frameOf(JSON.stringify(messages)));
  }
}

const PROTOCOL_BREAKS: readonly ((at: { sandbox: number; incarnation: number }) => Buffer)[] = [
  () => frameOf('[{"kind":"ready","rssBytes":1}]'),
  () => frameOf('[{"kind":"snapshot","base64":"AAAA","last":true}]'),
  () => frameOf('[{"kind":"run"}]'),
  () => frameOf('[{"kind":"settled"}]'),
  () => frameOf('[[]]'),
  () => frameOf('{"__proto__":[]}'),
  () => frameOf('[{"kind":"settled"'),
  () => Buffer.from([0xff, 0xff, 0xff, 0xff]),
  () => Buffer.from([0, 0, 0, 2, 0xc3, 0x28]),
  () => Buffer.concat([frameOf('[]').subarray(0, 5), frameOf('[{"kind":"settled"}]')]),
  (at) => frameOf(JSON.stringify([{ kind: 'settled', ...at, more: 1 }])),
  (at) => frameOf(JSON.stringify([{ kind: 'stream', ...at, entries: [['s', 'k']] }])),
  (at) => frameOf(JSON.stringify([{ kind: 'stream', ...at, entries: [['q', -1, 'probe.store', '{}']] }])),
  (at) => frameOf(JSON.stringify([{ kind: 'stream', ...at, entries: [['l', 'info', 'x'.repeat(1e5), null, 1]] }])),
  (at) => frameOf(JSON.stringify([{ kind: 'ended', ...at, run: 1.5, outcome: 'ok' }])),
];

function rage(seed: number, frames: number): void {
  const draw = random(seed);
  const pick = <Item>(list: readonly Item[]): Item => list[Math.floor(draw() * list.length)] as Item;
  const count = (): number => Math.floor(draw() ** 4 * Number.MAX_SAFE_INTEGER);
  const text = (): string => pick(['', 'x', '__proto__', 'constructor', '\ud83d\ude00', 'probe.store', '{}', 'stolen']);
  // Of its own sandbox it says what the node has to take for good, or it would be dropped at once.
  const own = (): unknown[] =>
    pick([
      ['s', text(), '1'],
      ['d', text()],
      ['s', 'n', '"stolen"'],
    ]);
  const entry = (): unknown[] =>
    pick([own(), ['q', count(), text(), '{}'], ['f', count()], ['l', 'info', 'stolen', null, 0]]);
  const said: Buffer[] = [];
  for (let i = 0; i < frames; i++) {
    if (said.length > 0 && draw() < 0.1) {
      write(pick(said));
      continue;
    }
    const messages = Array.from({ length: 1 + Math.floor(draw() * 5) }, () => {
      const mine = draw() < 0.3;
      const at = mine
        ? address
        : {
            sandbox: pick([0, 1, 2, address.sandbox, address.sandbox + 1, count()]),
            incarnation: pick([0, address.incarnation - 1, address.incarnation + 1, address.incarnation + 2, count()]),
          };
      const message = randomMessage({ draw, pick, count, text, entry: mine ? own : entry }, at);
      // What ends its own sandbox, or a run that is as old as that, would end the game.
      const ends = mine && ['load-failed', 'ended', 'started'].includes((message as { kind: string }).kind);
      return ends ? { kind: 'started', ...at, forMs: 0 } : message;
    });
    const frame = frameOf(JSON.stringify(messages));
    if (said.length < 50) said.push(frame);
    write(frame);
  }
  write((PROTOCOL_BREAKS[seed % PROTOCOL_BREAKS.length] as (at: typeof address) => Buffer)(address));
}

for (const step of JSON.parse(process.argv[2] ?? '[]') as readonly Step[])
  switch (step.kind) {
    case 'raw':
      write(Buffer.from(step.base64, 'base64'));
      break;
    case 'frame': {
      const { json, frames = 1, fill = { text: '', times: 0 } } = step;
      const bytes = frameOf(json.replaceAll('$fill', fill.text.repeat(fill.times)));
      for (let i = 0; i < frames; i++) write(bytes);
      break;
    }
    case 'drip': {
      const bytes = Buffer.from(step.base64, 'base64');
      for (let i = 0; i < step.times; i++) for (const byte of bytes) write(Buffer.of(byte));
      break;
    }
    case 'fuzz':
      fuzz(step.seed, step.frames);
      break;
    case 'rage':
      rage(step.seed, step.frames);
      break;
    case 'hum': {
      const bytes = frameOf(step.json);
      setInterval(() => write(bytes), 20);
      break;
    }
    case 'board': {
      const words = Float64Array.from(step.words, (word) => (typeof word === 'number' ? word : address[word]));
      writeSync(5, words, 0, words.byteLength, 0);
      writeSync(5, new Uint8Array(step.bytesAfter ?? 0), 0, step.bytesAfter ?? 0, words.byteLength);
      break;
    }
    case 'stderr':
      for (let i = 0; i < step.times; i++) writeSync(2, step.text);
      break;
    case 'read':
      readUntil(step.until);
      break;
    case 'end':
      process.kill(process.pid, 'SIGKILL');
  }
// Whoever has said everything stays, and reads nothing more.
setInterval(() => undefined, 1_000);
