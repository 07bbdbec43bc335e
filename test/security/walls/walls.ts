/**
 * Every wall, and what takes it away: one change to one file. `npm run test:walls` makes each change in a scratch copy and
 * expects that the tests named here go red. A wall whose loss no test notices is not there.
 */

export interface Wall {
  readonly name: string;
  readonly file: string;
  /** Occurs once in the file. */
  readonly find: string;
  readonly replace: string;
  /** Test files, and which of their tests (a pattern for vitest's -t). One of them must fail. */
  readonly red: readonly { readonly file: string; readonly only?: string }[];
}

const CORPUS = 'test/security/corpus.test.ts';

export const WALLS: readonly Wall[] = [
  // The isolate: what the memory limit does not count.
  {
    name: 'no resizable buffers',
    file: 'sandbox/guest/memory.guest.ts',
    find: '(options as { maxByteLength?: unknown }).maxByteLength !== undefined',
    replace: 'false',
    red: [{ file: CORPUS, only: 'buffer-resizable' }],
  },
  {
    name: 'the real ArrayBuffer is not the constructor of its instances',
    file: 'sandbox/guest/memory.guest.ts',
    find: "  defineProperty(Real.prototype, 'constructor', { value: Guarded, writable: false, configurable: false });\n",
    replace: '',
    red: [{ file: CORPUS, only: 'buffer-resizable' }],
  },
  {
    name: 'no WebAssembly, SharedArrayBuffer, Atomics',
    file: 'sandbox/guest/memory.guest.ts',
    find: "['SharedArrayBuffer', 'Atomics', 'WebAssembly']",
    replace: '[]',
    red: [{ file: 'test/security/walk.test.ts' }],
  },
  {
    name: 'user code formats no stacks',
    file: 'sandbox/guest/memory.guest.ts',
    find: '    get: () => undefined,\n    set: () => undefined,\n    configurable: false,\n',
    replace: '    value: undefined,\n    writable: true,\n    configurable: true,\n',
    red: [{ file: CORPUS, only: 'prepare-stack-trace' }],
  },
];
