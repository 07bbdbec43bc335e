/**
 * One isolated-vm isolate with the prelude inside: the only thing that a cell knows of a guest. SECURITY: no handle of
 * isolated-vm reaches user code; the prelude keeps the spill callback in a closure, and everything else crosses as text.
 */
import { randomFillSync } from 'node:crypto';
import ivm from 'isolated-vm';
import { ENTROPY_SEED_BYTES } from '../guest/entropy.guest.ts';
import type { GuestError } from '../protocol.ts';
import { RingReader } from './ring-reader.ts';

export type { ivm };

/** How one entry into the guest ended. */
export type SliceEnd =
  | { readonly kind: 'returned' }
  /** Stopped at its time limit. */
  | { readonly kind: 'terminated' }
  /** The isolate is gone: it hit its memory limit or was disposed. */
  | { readonly kind: 'disposed' }
  /** An unhandled rejection, or an error of the prelude itself. */
  | { readonly kind: 'threw'; readonly error: GuestError };

export type EntryPoint = 'load' | 'begin' | 'deliver' | 'refuse' | 'expire' | 'dump' | 'patch';

const ENTRY_POINTS: readonly EntryPoint[] = ['load', 'begin', 'deliver', 'refuse', 'expire', 'dump', 'patch'];

export interface GuestIsolateOptions {
  readonly memoryBytes: number;
  /** Bundled prelude.guest.ts: its completion value is `createGuest`. */
  readonly prelude: string;
  /** JavaScript guests: close what the memory limit does not count. Pyodide needs WebAssembly and does it its own way. */
  readonly harden: boolean;
  /** The guest waits: take the ring's entries, then `text` where it is not null. */
  readonly onSpill: (text: string | null) => void;
  /** V8 could not go on; the isolate's thread never returns. */
  readonly onCatastrophe: () => void;
}

/** V8's compile cache of the prelude, made by this process's first isolate. Never accepted from outside. */
let preludeCache: ivm.ExternalCopy<ArrayBuffer> | undefined;

const TIMED_OUT = 'Script execution timed out.';

export class GuestIsolate {
  readonly ring: RingReader;
  readonly isolate: ivm.Isolate;
  readonly context: ivm.Context;
  readonly api: ivm.Reference<Record<string, unknown>>;
  readonly #entries: Record<EntryPoint, ivm.Reference<(...args: never[]) => void>>;

  private constructor(parts: Pick<GuestIsolate, 'ring' | 'isolate' | 'context' | 'api'>) {
    this.ring = parts.ring;
    this.isolate = parts.isolate;
    this.context = parts.context;
    this.api = parts.api;
    this.#entries = Object.fromEntries(
      ENTRY_POINTS.map((name) => [name, parts.api.getSync(name, { reference: true })]),
    ) as Record<EntryPoint, ivm.Reference<(...args: never[]) => void>>;
  }

  static async create(options: GuestIsolateOptions): Promise<GuestIsolate> {
    const isolate = new ivm.Isolate({
      memoryLimit: Math.max(8, Math.ceil(options.memoryBytes / 1_048_576)),
      onCatastrophicError: options.onCatastrophe,
    });
    try {
      const context = await isolate.createContext();
      const script = await isolate.compileScript(options.prelude, {
        filename: 'prelude',
        ...(preludeCache === undefined ? { produceCachedData: true } : { cachedData: preludeCache }),
      });
      preludeCache ??= (script as ivm.Script & ivm.CachedDataResult).cachedData;
      const createGuest: ivm.Reference = await script.run(context, { reference: true });
      script.release();
      const ring = new RingReader();
      const spill = new ivm.Callback((text: unknown) => {
        options.onSpill(typeof text === 'string' ? text : null);
      });
      const api = (await createGuest.apply(
        undefined,
        [
          new ivm.ExternalCopy(ring.buffer).copyInto({ release: true }),
          spill,
          new ivm.ExternalCopy(randomFillSync(new Uint8Array(ENTROPY_SEED_BYTES)).buffer).copyInto({ release: true }),
        ],
        { result: { reference: true } },
      )) as ivm.Reference<Record<string, unknown>>;
      createGuest.release();
      if (options.harden) await (await api.get('harden', { reference: true })).apply(undefined, []);
      return new GuestIsolate({ ring, isolate, context, api });
    } catch (error) {
      if (!isolate.isDisposed) isolate.dispose();
      throw error;
    }
  }

  /** Enters the guest for at most `timeoutMs`. Never rejects; it may never resolve, which the caller's watchdog sees. */
  async enter(entry: EntryPoint, args: readonly (string | number)[], timeoutMs: number): Promise<SliceEnd> {
    try {
      await this.#entries[entry].apply(undefined, args as never[], { timeout: Math.max(1, Math.ceil(timeoutMs)) });
      return { kind: 'returned' };
    } catch (error) {
      if (this.isolate.isDisposed) return { kind: 'disposed' };
      const told = describe(error);
      if (told.message === TIMED_OUT) return { kind: 'terminated' };
      return { kind: 'threw', error: bounded(told) };
    }
  }

  get disposed(): boolean {
    return this.isolate.isDisposed;
  }

  dispose(): void {
    if (!this.isolate.isDisposed) this.isolate.dispose();
  }
}

/** A rejection that nobody handled may have any primitive as its reason (test/security/corpus/reject-nothing); objects arrive as errors. */
function describe(error: unknown): GuestError {
  if (!(error instanceof Error)) return { name: 'Error', message: `thrown: ${String(error)}`, stack: '' };
  return { name: String(error.name), message: String(error.message), stack: String(error.stack ?? '') };
}

function bounded(error: GuestError): GuestError {
  return {
    name: error.name.slice(0, 128),
    message: error.message.slice(0, 4_096),
    // SECURITY: behind this line are frames of the cell itself, with paths of the machine.
    stack: (error.stack.split('    at (<isolated-vm boundary>)')[0] ?? '').slice(0, 16_384),
  };
}
