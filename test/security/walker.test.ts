/** The walker finds what it is there to find, wherever it is put: a handle, the host's callback, memory that is not counted. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestIsolate } from '../../sandbox/isolate/guest-isolate.ts';
import { ivm } from '../../sandbox/isolate/ivm.ts';
import { bundleGuest } from '../support/python-harness.ts';
import { nativesOfLanguage, type WalkReport, walkContext } from '../support/walk.ts';

const MIB = 1_048_576;
const TAKEN = ['Atomics', 'SharedArrayBuffer', 'WebAssembly'];

let prelude: string;
let known: readonly string[];
const open: GuestIsolate[] = [];

beforeAll(async () => {
  prelude = await bundleGuest('prelude.guest.ts', 'createGuest');
  known = await nativesOfLanguage(TAKEN);
});
afterAll(() => {
  for (const guest of open) guest.dispose();
});

let spilled = 0;

async function createGuest(text = prelude, harden = true): Promise<GuestIsolate> {
  const guest = await GuestIsolate.create({
    memoryBytes: 256 * MIB,
    prelude: text,
    harden,
    onSpill: () => {
      spilled += 1;
    },
    onCatastrophe: () => undefined,
  });
  open.push(guest);
  return guest;
}

const found = ({ foreign, named, strange, uncounted }: WalkReport): readonly string[] => [
  ...foreign,
  ...named,
  ...strange,
  ...uncounted,
];

describe('the walker', () => {
  it('finds nothing where nothing is, and says that it came to the end', async () => {
    const report = await walkContext((await createGuest()).context, known);
    expect(found(report)).toEqual([]);
    expect(report.cut).toBe(false);
    expect(spilled).toBe(0);
  });

  /** From easy to well hidden; `leak` is what is planted. */
  const PLACES: Readonly<Record<string, string>> = {
    'a global name': 'globalThis.x = leak',
    'a symbol on a prototype': 'Array.prototype[Symbol("x")] = leak',
    'twenty objects deep': 'let at = globalThis; for (let i = 0; i < 20; i++) at = at.deep = {}; at.x = leak',
    'a getter that is not enumerable': 'Object.defineProperty(Math, "x", { get: () => leak, configurable: true })',
    'an inherited getter, for one receiver only':
      'const own = {}; globalThis.x = own; Object.defineProperty(Object.prototype, "y", { get() { return this === own ? leak : 1; }, configurable: true })',
    'a value of a Map in a Set': 'globalThis.x = new Set([new Map([[1, leak]])])',
    'a key of a Map': 'globalThis.x = new Map([[leak, 1]])',
    'a weak reference':
      'globalThis.x = new WeakRef(leak); globalThis.y = { leak: undefined }; globalThis.keep = () => leak',
    'what a promise gives': 'globalThis.x = Promise.resolve([leak])',
    'what a promise is rejected with': 'globalThis.x = Promise.reject([leak]); x.catch(() => 1)',
    'the cause of an error': 'globalThis.x = new Error("x", { cause: { leak } })',
    'what a function returns': 'globalThis.x = () => leak',
    'what a function throws': 'globalThis.x = () => { throw { leak }; }',
    'what a class has, private but for its instances': 'globalThis.x = class { y = leak }',
    'a prototype that is not Object.prototype': 'globalThis.x = Object.create(Object.create({ leak }))',
    'an index of an array': 'globalThis.x = []; x[4000000000] = leak; x[3] = leak',
    'a property of a function': 'globalThis.x = () => 1; x.y = leak',
    'a resource of a stack': 'globalThis.x = { y: new DisposableStack() }; x.y.z = leak',
  };
  for (const [place, plant] of Object.entries(PLACES))
    it(`finds a handle in ${place}`, async () => {
      const guest = await createGuest();
      await guest.context.evalClosure(`const leak = $0; ${plant};`, [new ivm.Reference({})]);
      expect(found(await walkContext(guest.context, known)).join('\n')).toMatch(/applySync|derefInto/);
    });

  const HANDLES = {
    Reference: () => new ivm.Reference(() => 1),
    ExternalCopy: () => new ivm.ExternalCopy({}),
    Callback: () => new ivm.Callback(() => 1),
    Isolate: () => new ivm.Isolate({ memoryLimit: 8 }),
    'the module itself': () => ivm,
  } as const;
  for (const [name, make] of Object.entries(HANDLES))
    it(`knows ${name} when it sees one`, async () => {
      const guest = await createGuest();
      await guest.context.evalClosure('globalThis.x = { y: $0 }', [make() as ivm.Reference]);
      expect(found(await walkContext(guest.context, known))).not.toEqual([]);
    });

  it('knows a context when it sees one', async () => {
    const guest = await createGuest();
    await guest.context.evalClosure('globalThis.x = { y: $0 }', [guest.context as unknown as ivm.Reference]);
    expect(found(await walkContext(guest.context, known)).join('\n')).toMatch(/evalSync/);
  });

  it("finds the prelude's own way out, were it not in a closure, and does not use it", async () => {
    const leaky = prelude.replace(/= (createStream\w*\(ring, spill\))/, '= (globalThis.spare = { spill }, $1)');
    expect(leaky).not.toBe(prelude);
    const report = await walkContext((await createGuest(leaky)).context, known);
    expect(report.strange.join('\n')).toMatch(/spare\.spill/);
    expect(spilled).toBe(0);
  });

  it('finds the ring, were it not in a closure: it is another kind of memory', async () => {
    const leaky = prelude.replace(/= (createStream\w*\(ring, spill\))/, '= (globalThis.spare = { ring }, $1)');
    const report = await walkContext((await createGuest(leaky)).context, known);
    expect(report.strange.join('\n')).toMatch(/SharedArrayBuffer/);
  });

  it('finds an object of another realm', async () => {
    const guest = await createGuest();
    const other = await guest.isolate.createContext();
    const reference = await other.eval('[{ foreign: true }]', { reference: true });
    await guest.context.evalClosure('globalThis.x = { y: $0 }', [reference.derefInto()]);
    expect((await walkContext(guest.context, known)).foreign.join('\n')).toMatch(/globalThis\.x\.y/);
  });

  it('finds shared memory, WebAssembly and resizable buffers, were they not taken away', async () => {
    const report = await walkContext((await createGuest(prelude, false)).context, known);
    expect(report.strange.join('\n')).toMatch(/SharedArrayBuffer/);
    expect(report.strange.join('\n')).toMatch(/Atomics/);
    expect(report.strange.join('\n')).toMatch(/WebAssembly/);
    expect(report.uncounted.join('\n')).toMatch(/ArrayBuffer new/);
  });

  it('says so where it may not walk to the end', async () => {
    const guest = await createGuest();
    const more = 'const small = createWalker(100); small.walk(globalThis, "globalThis"); w.report = small.report';
    const report = await walkContext(guest.context, known, { more });
    expect(report).toMatchObject({ nodes: 100, cut: true });
  });
});
