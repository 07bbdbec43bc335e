/**
 * Where the CLI writes. Bounded: a reader that is slow loses lines, and is told how many; one that went away loses all,
 * and the workers go on.
 */
import type { Writable } from 'node:stream';
import { styleText } from 'node:util';

/** Text that may wait for a slow reader of the output. */
const PENDING_MAX = 8 * 1024 * 1024;
/** After lines were dropped, none is taken until this little waits: one gap with one notice, not many small ones. */
const PENDING_RESUME = PENDING_MAX / 2;
/** How long the end of a live output waits for a reader that takes nothing, and for one that takes little by little. */
const FLUSH_IDLE_MS = 500;
const FLUSH_MAX_MS = 2_000;
const FLUSH_LOOK_MS = 50;

export type Style = Parameters<typeof styleText>[0];

export interface Output {
  readonly json: boolean;
  /** One line to stdout. */
  line(text: string): void;
  /** One line to stderr: what is not the command's result. */
  problem(text: string): void;
  /** One JSON line to stdout. */
  data(value: unknown): void;
  /** Colours where the output is a terminal and NO_COLOR is not set. */
  style(style: Style, text: string): string;
  /** Resolves when everything written so far is handed over or cannot be; live, also when the reader takes nothing. */
  flush(): Promise<void>;
}

export interface OutputOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  /**
   * For a process that has more to do than to write: writing never waits for the reader, and the end hardly does.
   * Without it a pipe that is full makes the process wait, as it does with every Unix tool (`runtime … | less`).
   */
  readonly live?: boolean;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
}

export function createOutput(options: OutputOptions = {}): Output {
  const stdout = createSink(options.stdout ?? process.stdout);
  const stderr = createSink(options.stderr ?? process.stderr);
  const sinks = [stdout, stderr];
  if (options.live === true) for (const sink of sinks) sink.goLive();
  const droppedNotice = (lines: number) =>
    options.json === true
      ? JSON.stringify({ kind: 'dropped', lines })
      : `… ${lines} ${lines === 1 ? 'line was' : 'lines were'} not shown: nobody reads the output`;
  const colored = options.color !== false && options.json !== true;
  const stream = options.stdout ?? process.stdout;
  return {
    json: options.json === true,
    line: (text) => stdout.write(`${text}\n`, droppedNotice),
    problem: (text) => stderr.write(`${text}\n`, droppedNotice),
    data: (value) => stdout.write(`${JSON.stringify(value)}\n`, droppedNotice),
    style: (style, text) => (colored ? styleText(style, text, { stream, validateStream: true }) : text),
    async flush() {
      await Promise.all(sinks.map((sink) => sink.flush()));
    },
  };
}

type DroppedNotice = (lines: number) => string;

interface Sink {
  write(text: string, droppedNotice: DroppedNotice): void;
  /** From now on, writing does not wait for the reader. */
  goLive(): void;
  flush(): Promise<void>;
}

/** What Node has below a stream to a pipe; not part of its documented interface, so all of it may be missing. */
interface PipeStream {
  readonly isTTY?: boolean;
  readonly _handle?: { setBlocking?(blocking: boolean): number; readonly writeQueueSize?: number } | null;
}

const knownSinks = new WeakMap<Writable, Sink>();

/** One sink per stream, so that a closed one is known to all who write to it. */
function createSink(stream: Writable): Sink {
  const known = knownSinks.get(stream);
  if (known !== undefined) return known;
  const pipe = stream as Writable & PipeStream;
  let closed = false;
  let live = false;
  let dropped = 0;
  let notice: DroppedNotice = () => '';
  const tellDropped = () => {
    if (closed || dropped === 0) return;
    const lines = dropped;
    dropped = 0;
    stream.write(`${notice(lines)}\n`);
  };
  // EPIPE: the reader is gone (`runtime start | head`). Nothing else can be told to it.
  stream.on('error', () => {
    if (!closed && stream === process.stdout) {
      createSink(process.stderr).write('runtime: nobody reads the output any more\n', () => '');
    }
    closed = true;
  });
  stream.on('drain', tellDropped);
  const sink: Sink = {
    write(text, droppedNotice) {
      if (closed) return;
      if (stream.writableLength > (dropped > 0 ? PENDING_RESUME : PENDING_MAX)) {
        dropped += 1;
        notice = droppedNotice;
        return;
      }
      tellDropped();
      stream.write(text);
    },
    goLive() {
      live = true;
      // Node writes to pipes synchronously: one that is full would stop every timer and signal of this process. Node
      // sets the mode of stdin, stdout and stderr back when it exits, for others that share them.
      if (pipe.isTTY !== true) pipe._handle?.setBlocking?.(false);
    },
    async flush() {
      if (closed || stream.destroyed) return;
      tellDropped();
      const done = Promise.withResolvers<void>();
      stream.once('error', () => done.resolve());
      stream.write('', () => done.resolve());
      const watch = live ? whenStuck(() => stream.writableLength + (pipe._handle?.writeQueueSize ?? 0)) : undefined;
      await Promise.race([done.promise, watch?.stuck ?? done.promise]);
      watch?.end();
    },
  };
  knownSinks.set(stream, sink);
  return sink;
}

/** `stuck` resolves when the reader took nothing for a while, or is not done after a longer one. */
function whenStuck(pending: () => number): { readonly stuck: Promise<void>; end(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const begin = performance.now();
  let movedAt = begin;
  let last = pending();
  const timer = setInterval(() => {
    const now = performance.now();
    const left = pending();
    if (left !== last) movedAt = now;
    last = left;
    if (now - movedAt >= FLUSH_IDLE_MS || now - begin >= FLUSH_MAX_MS) resolve();
  }, FLUSH_LOOK_MS);
  return { stuck: promise, end: () => clearInterval(timer) };
}
