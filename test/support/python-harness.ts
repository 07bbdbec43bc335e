/** A cell in small: real isolates, the real prelude and the real driver, answered by a test instead of a node. */
import { build } from 'esbuild';
import { afterEach } from 'vitest';
import { type EntryPoint, GuestIsolate, type SliceEnd } from '../../sandbox/isolate/guest-isolate.ts';
import { ivm } from '../../sandbox/isolate/ivm.ts';
import type {
  GuestError,
  GuestFunction,
  GuestWorld,
  LoadReport,
  LoadSpec,
  RingEvent,
  RunInfo,
  SandboxLimits,
} from '../../sandbox/protocol.ts';
import { PythonImage, type PythonImageOptions } from '../../sandbox/pyodide/boot.ts';
import { readPyodideFiles, readPythonPrelude } from '../../sandbox/pyodide/files.ts';

const GUEST = new URL('../../sandbox/guest/', import.meta.url);
const MIB = 1_048_576;

/** One classic script whose completion value is the export `name`. */
export async function bundleGuest(file: string, name: string): Promise<string> {
  const result = await build({
    entryPoints: [new URL(file, GUEST).pathname],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'guest',
    target: 'es2024',
    banner: { js: '(() => {' },
    footer: { js: `return guest.${name}; })()` },
  });
  return result.outputFiles[0]?.text ?? '';
}

export const LIMITS: SandboxLimits = {
  memoryBytes: 256 * MIB,
  loadTimeoutMs: 30_000,
  stateKeyBytes: 256,
  stateValueBytes: 512 * 1024,
  stateTotalBytes: 16 * MIB,
  stateKeys: 10_000,
  stateDepth: 64,
  logLineChars: 8_192,
  logLinesPer10s: 1_000,
  callsOpen: 100,
  callsPerTick: 1_000,
  callBytesPerTick: 64 * 1024 * 1024,
  callJsonBytes: MIB,
};

export interface Setup {
  readonly options: Omit<PythonImageOptions, 'snapshot'>;
  readonly prelude: string;
  readonly image: PythonImage;
  readonly snapshot: Uint8Array;
}

/** As shipped, or `open`: without what hides JavaScript from Python, which is no wall; and `pyodide` is a global name. */
export type Depth = 'shipped' | 'open';

const setups = new Map<Depth, Promise<Setup>>();

/** Takes something out of a text that must be there. */
function without(text: string, what: RegExp, instead = ''): string {
  if (!what.test(text)) throw new Error(`${what} is not there any more`);
  return text.replace(what, instead);
}

function opened(script: string, prelude: string): { readonly script: string; readonly prelude: string } {
  const coded = without(script, /closeCode\w*\(globals, /, 'void (globals, ');
  const inheriting = without(coded, /Object\.freeze\(Object\.setPrototypeOf\(call\w*, null\)\)/, 'void call');
  const scheduling = without(inheriting, /Object\.setPrototypeOf\(api\.scheduleCallback, null\)/, 'void 0');
  const named = without(scheduling, /const pyodide = await/, 'const pyodide = globalThis.pyodide = await');
  const hiding = without(prelude, /^ {4}_hide_javascript\(\)$/m);
  return { script: named, prelude: without(hiding, /in _GONE:/, 'in ():') };
}

/** The snapshot and everything else that guests share; made once for a process. */
export function preparePython(depth: Depth = 'shipped'): Promise<Setup> {
  const made = setups.get(depth) ?? prepare(depth);
  setups.set(depth, made);
  return made;

  async function prepare(of: Depth): Promise<Setup> {
    const prelude = await bundleGuest('prelude.guest.ts', 'createGuest');
    const shipped = { script: await bundleGuest('python.guest.ts', 'createPython'), prelude: readPythonPrelude() };
    const options = {
      ivm,
      files: readPyodideFiles(),
      ...(of === 'open' ? opened(shipped.script, shipped.prelude) : shipped),
    };
    const isolate = new ivm.Isolate({ memoryLimit: 512 });
    const snapshot = await new PythonImage({ ...options, snapshot: null }).makeSnapshot(
      isolate,
      await isolate.createContext(),
    );
    isolate.dispose();
    return { options, prelude, snapshot, image: new PythonImage({ ...options, snapshot }) };
  }
}

export interface LogLine {
  readonly level: string;
  readonly text: string;
  readonly fields: unknown;
}

/** What a test answers calls with: a value, or an error to refuse with. */
export type Answer = (capability: string, args: Record<string, unknown>) => unknown;

export class Refusal {
  readonly code: string;
  readonly message: string;
  constructor(code: string, message: string) {
    this.code = code;
    this.message = message;
  }
}

export interface RunEnd {
  readonly kind: 'ok' | 'error' | SliceEnd['kind'];
  readonly error: GuestError | null;
  readonly report: LoadReport | null;
}

export class PythonGuest {
  readonly logs: LogLine[] = [];
  readonly calls: { readonly capability: string; readonly args: unknown }[] = [];
  readonly state = new Map<string, string>();
  flushes = 0;
  answer: Answer = () => null;
  /** Milliseconds that timers asked for; the harness ends them at once unless `realTimers`. */
  readonly timers: number[] = [];
  realTimers = false;
  /** Calls that nobody answers until the test does. */
  readonly held: number[] = [];
  hold = false;
  /** The run's time is over as soon as the guest waits for what nobody answers. */
  expires = false;
  readonly guest: GuestIsolate;
  #end: RunEnd | null = null;
  /** What the guest waits for, and when it comes. */
  #due: { readonly at: number; readonly enter: () => Promise<SliceEnd> }[] = [];
  #timeoutMs = 10_000;

  private constructor(guest: GuestIsolate) {
    this.guest = guest;
  }

  /** A booted interpreter without a worker. */
  static async boot(limits: SandboxLimits = LIMITS, depth: Depth = 'shipped'): Promise<PythonGuest> {
    const { prelude, image } = await preparePython(depth);
    const guest = await GuestIsolate.create({
      memoryBytes: (depth === 'open' ? 512 : 128) * MIB,
      prelude,
      harden: false,
      onSpill: (text) => {
        made.#read();
        if (text !== null) made.#take(text);
        guest.ring.rewind();
      },
      onCatastrophe: () => undefined,
    });
    const made = new PythonGuest(guest);
    const driver = await image.boot(guest.isolate, guest.context, limits.memoryBytes);
    const use = await guest.api.get('useDriver', { reference: true });
    await use.apply(undefined, [driver.derefInto({ release: true })]);
    return made;
  }

  static async load(
    files: string | Record<string, string>,
    more: Partial<LoadSpec> = {},
    depth: Depth = 'shipped',
  ): Promise<[PythonGuest, RunEnd]> {
    const guest = await PythonGuest.boot(more.limits, depth);
    return [guest, await guest.load(files, more)];
  }

  async load(files: string | Record<string, string>, more: Partial<LoadSpec> = {}): Promise<RunEnd> {
    const spec: LoadSpec = {
      worker: 'default/worker',
      name: 'worker',
      version: '1',
      language: 'python',
      files: typeof files === 'string' ? { 'worker.py': files } : files,
      entry: 'worker.py',
      params: {},
      connected: {},
      capabilities: [],
      unconnected: {},
      state: [],
      limits: LIMITS,
      ...more,
    };
    return await this.#run('load', [JSON.stringify(spec)]);
  }

  async run(
    fn: GuestFunction,
    more: { error?: GuestError; world?: GuestWorld; info?: Partial<RunInfo>; timeoutMs?: number } = {},
  ): Promise<RunEnd> {
    const info = { tick: 1, intervalMs: 10_000, dueAt: 1_000, lastTickAt: null, startedBy: 'start', ...more.info };
    this.#timeoutMs = more.timeoutMs ?? 10_000;
    const order = { fn, info, timeoutMs: this.#timeoutMs, world: more.world ?? null, error: more.error ?? null };
    return await this.#run('begin', [JSON.stringify(order)]);
  }

  get texts(): string[] {
    return this.logs.map(({ text }) => text);
  }

  value(key: string): unknown {
    const json = this.state.get(key);
    return json === undefined ? undefined : JSON.parse(json);
  }

  dispose(): void {
    this.guest.dispose();
  }

  async #run(entry: EntryPoint, args: readonly (string | number)[]): Promise<RunEnd> {
    this.#end = null;
    this.#due = [];
    let slice = await this.guest.enter(entry, args, this.#timeoutMs);
    for (;;) {
      if (slice.kind === 'disposed' || slice.kind === 'terminated')
        return { kind: slice.kind, error: null, report: null };
      this.#read();
      this.guest.ring.rewind();
      if (slice.kind === 'threw') return { kind: 'threw', error: slice.error, report: null };
      if (this.#end !== null && this.guest.ring.openCalls === 0) return this.#end;
      this.#due.sort((a, b) => a.at - b.at);
      const next = this.#due.shift();
      if (next === undefined) {
        if (!this.expires) throw new Error('the guest waits for something that nobody answers');
        this.expires = false;
        slice = await this.guest.enter('expire', [], this.#timeoutMs);
        continue;
      }
      if (next.at > Date.now()) await new Promise((resolve) => setTimeout(resolve, next.at - Date.now()));
      slice = await next.enter();
    }
  }

  #read(): void {
    this.guest.ring.read((entry) => this.#take(entry));
  }

  #take(entry: string): void {
    const kind = entry[0];
    if (kind === 'k') this.#end = { kind: 'ok', error: null, report: null };
    else if (kind === 'd') this.state.delete(entry.slice(1));
    else if (kind === 's') {
      const colon = entry.indexOf(':');
      const length = Number(entry.slice(1, colon));
      this.state.set(entry.slice(colon + 1, colon + 1 + length), entry.slice(colon + 1 + length));
    } else this.#event(JSON.parse(entry.slice(1)) as RingEvent);
  }

  #event(event: RingEvent): void {
    switch (event[0]) {
      case 'l':
        this.logs.push({ level: event[1], text: event[2], fields: event[3] === null ? null : JSON.parse(event[3]) });
        break;
      case 'u':
        for (const [key, json] of event[1]) this.state.set(key, json);
        break;
      case 'q': {
        const [, call, capability, json] = event;
        const args = JSON.parse(json) as Record<string, unknown>;
        this.calls.push({ capability, args });
        if (this.hold) {
          this.held.push(call);
          break;
        }
        const value = this.answer(capability, args);
        if (value instanceof Refusal) this.#deliver('refuse', [call, value.code, value.message]);
        else this.#deliver('deliver', [call, JSON.stringify(value)]);
        break;
      }
      case 'f':
        this.flushes += 1;
        this.#deliver('deliver', [event[1], 'null']);
        break;
      case 't':
        this.timers.push(event[2]);
        this.#deliver('deliver', [event[1], 'null'], this.realTimers ? event[2] : 0);
        break;
      case 'e':
        this.#end =
          event[1] === 'ok'
            ? { kind: 'ok', error: null, report: event[2] }
            : { kind: 'error', error: event[2], report: null };
        break;
      case 'n':
      case 'b':
      case 'p':
      case 'w':
        break;
    }
  }

  #deliver(entry: EntryPoint, args: readonly (string | number)[], delayMs = 0): void {
    const timeoutMs = this.#timeoutMs;
    const at = delayMs > 0 ? Date.now() + delayMs : 0;
    this.#due.push({ at, enter: () => this.guest.enter(entry, args, timeoutMs) });
  }
}

/** Loads guests that the test's end disposes of. */
export function useGuests(depth: Depth = 'shipped'): {
  load(files: string | Record<string, string>, more?: Partial<LoadSpec>): Promise<[PythonGuest, RunEnd]>;
  loaded(files: string | Record<string, string>, more?: Partial<LoadSpec>): Promise<PythonGuest>;
} {
  const guests: PythonGuest[] = [];
  afterEach(() => {
    for (const guest of guests.splice(0)) guest.dispose();
  });
  const load = async (
    files: string | Record<string, string>,
    more?: Partial<LoadSpec>,
  ): Promise<[PythonGuest, RunEnd]> => {
    const [guest, end] = await PythonGuest.load(files, more, depth);
    guests.push(guest);
    return [guest, end];
  };
  return {
    load,
    async loaded(files, more) {
      const [guest, end] = await load(files, more);
      if (end.kind !== 'ok') throw new Error(`the worker does not load: ${end.error?.stack}`);
      return guest;
    },
  };
}
