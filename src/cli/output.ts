/**
 * Where the CLI writes. Bounded: a reader that is slow loses lines, and is told how many; one that went away loses all,
 * and the workers go on.
 */
import type { Writable } from 'node:stream';
import { styleText } from 'node:util';

/** Text that may wait for a slow reader of the output. */
const PENDING_BYTES_MAX = 8 * 1024 * 1024;

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
  /** Resolves when everything written so far is handed over or cannot be. */
  flush(): Promise<void>;
}

export interface OutputOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
}

export function createOutput(options: OutputOptions = {}): Output {
  const stdout = createSink(options.stdout ?? process.stdout);
  const stderr = createSink(options.stderr ?? process.stderr);
  const droppedNotice = (lines: number) =>
    options.json === true
      ? JSON.stringify({ kind: 'dropped', lines })
      : `… ${lines} lines were dropped: the reader of this output is too slow`;
  const colored = options.color !== false && options.json !== true;
  const stream = options.stdout ?? process.stdout;
  return {
    json: options.json === true,
    line: (text) => stdout.write(`${text}\n`, droppedNotice),
    problem: (text) => stderr.write(`${text}\n`, droppedNotice),
    data: (value) => stdout.write(`${JSON.stringify(value)}\n`, droppedNotice),
    style: (style, text) => (colored ? styleText(style, text, { stream, validateStream: true }) : text),
    async flush() {
      await Promise.all([stdout.flush(), stderr.flush()]);
    },
  };
}

interface Sink {
  write(text: string, droppedNotice: (lines: number) => string): void;
  flush(): Promise<void>;
}

const sinks = new WeakMap<Writable, Sink>();

/** One sink per stream, so that a closed one is known to all who write to it. */
function createSink(stream: Writable): Sink {
  const known = sinks.get(stream);
  if (known !== undefined) return known;
  let closed = false;
  let dropped = 0;
  // EPIPE: the reader is gone (`runtime start | head`). Nothing else can be told to it.
  stream.on('error', () => {
    if (!closed && stream === process.stdout) {
      createSink(process.stderr).write('runtime: nobody reads the output any more\n', () => '');
    }
    closed = true;
  });
  const sink: Sink = {
    write(text, droppedNotice) {
      if (closed) return;
      if (stream.writableLength > PENDING_BYTES_MAX) {
        dropped += 1;
        return;
      }
      if (dropped > 0) stream.write(`${droppedNotice(dropped)}\n`);
      dropped = 0;
      stream.write(text);
    },
    flush() {
      const done = Promise.withResolvers<void>();
      if (closed || stream.destroyed) return Promise.resolve();
      stream.once('error', () => done.resolve());
      stream.write('', () => done.resolve());
      return done.promise;
    },
  };
  sinks.set(stream, sink);
  return sink;
}
