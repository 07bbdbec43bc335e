/** What program.guest.js is given, the same in a worker and in the baseline. */
import { readFileSync } from 'node:fs';
import type { Program } from './program.ts';
import { harnessScript } from './test262-plan.ts';

/** Functions of hosts and what a worker has not: none of them may be there as native code. */
const NATIVE_NAMES = [
  'process',
  'require',
  'fetch',
  'Buffer',
  'ivm',
  'SharedArrayBuffer',
  'Atomics',
  'WebAssembly',
  'Worker',
  'WebSocket',
  'XMLHttpRequest',
  'importScripts',
  'setImmediate',
  'structuredClone',
  'MessageChannel',
  'BroadcastChannel',
  'gc',
  'load',
  'quit',
];
/** How long a program may stay silent that has something outstanding. */
const PATIENCE_MS = { test262: 3_000, vm2: 300 } as const;

const texts = new Map<string, string>();

export interface GuestParams extends Pick<Program, 'suite' | 'source' | 'strict' | 'isAsync' | 'negative' | 'stubs'> {
  readonly harness: readonly string[];
  readonly patienceMs: number;
  readonly nativeNames: readonly string[];
  readonly canaryFile: string;
}

export function guestParams(program: Program, harness: readonly string[], canaryFile: string): GuestParams {
  const { suite, source, strict, isAsync, negative, stubs } = program;
  const patienceMs = PATIENCE_MS[suite];
  return {
    suite,
    source,
    strict,
    isAsync,
    negative,
    stubs,
    harness,
    patienceMs,
    nativeNames: NATIVE_NAMES,
    canaryFile,
  };
}

export function harnessText(program: Program): string[] {
  return program.harness.map((file) => {
    const text = texts.get(file) ?? harnessScript(readFileSync(file, 'utf8'));
    texts.set(file, text);
    return text;
  });
}

/** An expression: the function that runs a program. */
export function readGuest(): string {
  return readFileSync(new URL('program.guest.js', import.meta.url), 'utf8').replace(/;\s*$/, '');
}
