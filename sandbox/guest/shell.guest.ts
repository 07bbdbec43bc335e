/**
 * The environment that Pyodide asks for when it finds neither a browser nor Node (a "shell", as d8 is one): a few globals,
 * and nothing behind them that leaves the isolate. What only the boot needs is taken away again by `close`.
 */
import { createEntropy, type Entropy } from './entropy.guest.ts';
import { GuestTextDecoder, GuestTextEncoder } from './text-codec.guest.ts';

export interface Timers {
  setTimer(callback: unknown, ms: unknown, repeat: boolean, args: readonly unknown[]): number;
  clearTimer(id: unknown): void;
}

export interface Shell {
  readonly entropy: Entropy;
  /** What Pyodide reads by path. */
  readonly files: Map<string, Uint8Array>;
  /** The compiled WebAssembly module that stands behind one of the files; only for the boot. */
  mainModule: object | null;
  /** Gets every line that Pyodide itself writes. */
  onLine: (level: 'info' | 'warn', line: string) => void;
  /** Delays longer than 0 ms; before it is set they end at once. */
  timers: Timers | null;
  /** Removes what the boot needed. */
  close(): void;
}

type Globals = Record<string, unknown>;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const RANDOM_BYTES_MAX = 65_536;

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const bits = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += `${ALPHABET[bits >> 18]}${ALPHABET[(bits >> 12) & 63]}`;
    text += i + 1 < bytes.length ? ALPHABET[(bits >> 6) & 63] : '=';
    text += i + 2 < bytes.length ? ALPHABET[bits & 63] : '=';
  }
  return text;
}

function textOf(value: unknown): string {
  try {
    return value instanceof Error ? (value.stack ?? `${value}`) : `${value}`;
  } catch {
    return typeof value;
  }
}

export function createShell(global: Globals, seed: Uint8Array): Shell {
  const entropy = createEntropy(seed);
  const files = new Map<string, Uint8Array>();
  const write =
    (level: 'info' | 'warn') =>
    (...values: unknown[]): void =>
      shell.onLine(level, values.map(textOf).join(' '));
  const read = (path: string): Uint8Array => {
    const bytes = files.get(path);
    if (bytes === undefined) throw new Error(`There is no ${path} in a sandbox.`);
    return bytes;
  };

  /** Zero delays are microtasks: an endless chain of them stays inside one entry, which the cell limits. */
  function setTimeout(callback: (...args: unknown[]) => unknown, ms?: unknown, ...args: unknown[]): number {
    if (typeof callback !== 'function') throw new TypeError('A timer needs a function.');
    if (shell.timers !== null && typeof ms === 'number' && ms > 0)
      return shell.timers.setTimer(callback, ms, false, args);
    const id = --lastImmediate;
    live.add(id);
    void Promise.resolve().then(() => {
      if (live.delete(id)) callback(...args);
    });
    return id;
  }
  /** Immediate timers count down, those of a run count up. */
  let lastImmediate = 0;
  const live = new Set<number>();

  const temporary: Globals = {
    load: () => {
      throw new Error('Nothing can be loaded in a sandbox.');
    },
    read,
    readbuffer: read,
    print: write('info'),
    printErr: write('warn'),
  };
  const lasting: Globals = {
    console: {
      log: write('info'),
      info: write('info'),
      debug: write('info'),
      warn: write('warn'),
      error: write('warn'),
    },
    performance: { now: () => Date.now(), timeOrigin: 0 },
    setTimeout,
    clearTimeout: (id: unknown) => {
      if (typeof id === 'number' && id < 0) live.delete(id);
      else shell.timers?.clearTimer(id);
    },
    // Emscripten's shell branch draws random bytes by a command that prints base64: `head -c16 /dev/urandom | base64`.
    os: {
      system: (_program: unknown, args: readonly unknown[]) => {
        const bytes = new Uint8Array(Math.min(RANDOM_BYTES_MAX, Number(/head -c(\d+)/.exec(`${args[1]}`)?.[1] ?? 0)));
        entropy.fill(bytes);
        return base64(bytes);
      },
    },
    URL: class {
      readonly href: string;
      constructor(href: unknown) {
        this.href = `${href}`;
      }
    },
    TextDecoder: GuestTextDecoder,
    TextEncoder: GuestTextEncoder,
  };
  for (const [name, value] of Object.entries({ ...temporary, ...lasting }))
    Object.defineProperty(global, name, { value, writable: true, configurable: true, enumerable: false });

  const shell: Shell = {
    entropy,
    files,
    mainModule: null,
    onLine: () => undefined,
    timers: null,
    close() {
      for (const name of Object.keys(temporary)) delete global[name];
      files.clear();
      shell.mainModule = null;
    },
  };
  return shell;
}
