/** What a cell needs of a backend: a guest with the prelude (and, for Python, the interpreter) inside, ready for `load`. */
import { GuestIsolate } from '../isolate/guest-isolate.ts';
import type { LoadSpec } from '../protocol.ts';

export interface GuestListener {
  readonly onSpill: (text: string | null) => void;
  readonly onCatastrophe: () => void;
}

export interface CellBackend {
  /** Guests that are made at the same time. */
  readonly loadsAtOnce: number;
  createGuest(spec: LoadSpec, listener: GuestListener): Promise<GuestIsolate>;
}

export function createJavascriptBackend(prelude: string): CellBackend {
  return {
    loadsAtOnce: 4,
    createGuest: (spec, listener) =>
      GuestIsolate.create({
        memoryBytes: spec.limits.memoryBytes,
        prelude,
        harden: true,
        onSpill: listener.onSpill,
        onCatastrophe: listener.onCatastrophe,
      }),
  };
}
