import { afterAll, describe, expect, test } from 'vitest';
import { closeCompiler } from '../../src/workers/esbuild-service.ts';
import { compileFixture, compileText } from '../support/compile.ts';

afterAll(closeCompiler);

const TICK = '\nexport function tick() { return [n, o, list]; }';
const HEAD = 'let n = 0; const o = { deep: {} }; const list = []; ';
const binds = async (setup: string): Promise<boolean> =>
  (await compileText({ 'w.js': `${HEAD}\n${setup}${TICK}` })).setupBindsGlobals;

describe('setup binds globals', () => {
  test.each([
    ['an assignment', 'export function setup() { n = 1; }'],
    ['+=', 'export function setup() { n += 1; }'],
    ['??=', 'export function setup() { n ??= 1; }'],
    ['++', 'export function setup() { n++; }'],
    ['destructuring', 'export function setup() { ({ a: [n = 1] } = { a: [] }); }'],
    ['rest in destructuring', 'export function setup() { [, ...o.rest] = [1, 2]; }'],
    ['for … of', 'export function setup() { for (n of [1]) {} }'],
    ['a property of globalThis', 'export function setup() { globalThis.cache = 1; }'],
    ['an undeclared name', 'module.exports.setup = function () { undeclared = 1; }; export {};'],
    ['a property of a variable of the module', 'export function setup() { o.deep.x = 1; }'],
    ['a nested function', 'export async function setup() { const later = () => { n = 1; }; await later(); }'],
    ['a function that it calls', 'function init() { n = 1; }\nexport function setup() { init(); }'],
    ['a method', 'export default { setup() { this.started = 1; } };'],
    ['an arrow function', 'export const setup = () => { n = 1; };'],
    ['another name inside', 'function prepare() { n = 1; }\nexport { prepare as setup };'],
    ['a variable that is local elsewhere', 'export function setup() { { let n = 1; n = 2; } n = 3; }'],
  ])('by %s', async (_what, setup) => {
    if (setup.startsWith('module.exports')) {
      const text = 'module.exports.setup = function () { undeclared = 1; }; module.exports.tick = () => 1;';
      expect((await compileText({ 'w.js': text })).setupBindsGlobals).toBe(true);
    } else if (setup.startsWith('export default')) {
      const text = 'export default { setup() { this.started = 1; }, tick() {} };';
      expect((await compileText({ 'w.js': text })).setupBindsGlobals).toBe(true);
    } else expect(await binds(setup)).toBe(true);
  });

  test.each([
    ['saving state', 'export function setup(ctx) { ctx.state.set("counter", 0); ctx.log.info("started"); }'],
    ['a local variable', 'export function setup() { let x = 1; x = 2; x++; return x; }'],
    ['a shadowed name', 'export function setup() { let n = 1; n = 2; }'],
    ['a hoisted var', 'export function setup() { n = 1; if (n) { var n = 2; } }'],
    ['a parameter', 'export function setup(ctx, n) { n = 1; ctx.x = 2; }'],
    ['a destructured parameter', 'export function setup({ state: n }) { n = 1; }'],
    ['a catch parameter', 'export function setup() { try {} catch (n) { n = 1; } }'],
    ['a loop variable', 'export function setup() { for (let n = 0; n < 3; n++) {} for (const n of []) {} }'],
    ['a switch scope', 'export function setup(c) { switch (c) { case 1: let n; n = 2; } }'],
    ['a function of its own', 'export function setup() { function n() {} n = 1; }'],
    ['an object of its own', 'export function setup() { const o = {}; o.x = 1; }'],
    ['this of a class inside', 'export function setup() { class A { constructor() { this.x = 1; } y = 2; } new A(); }'],
    ['tick instead', 'export function setup() {}\nexport function resume() { n = 1; }'],
    ['a method of the same name', 'export const other = { setup() { n = 1; } };'],
  ])('not by %s', async (_what, setup) => {
    expect(await binds(setup)).toBe(false);
  });

  test('in a worker of several files, where setup comes from another one', async () => {
    const lib = 'let client: unknown;\nexport function setup() { client = 1; }\nexport const get = () => client;';
    const text = "import { get } from './lib';\nexport { setup } from './lib';\nexport const tick = () => get();";
    expect((await compileText({ 'w.ts': text, 'lib.ts': lib })).setupBindsGlobals).toBe(true);
  });

  test('in CommonJS, also where another file imports the worker', async () => {
    const text = "require('./lib.js');\nlet n;\nexports.setup = () => { n = 1; };\nexports.tick = () => n;";
    expect((await compileText({ 'w.js': text, 'lib.js': '' })).setupBindsGlobals).toBe(true);
    expect((await compileText({ 'w.js': text, 'lib.js': "require('./w.js')" })).setupBindsGlobals).toBe(true);
  });

  test('but not in the seed example, nor where only a package keeps a cache', async () => {
    const text = 'function setup(ctx) {\n  ctx.state.set("counter", 0);\n}\nfunction tick(ctx) {}';
    expect((await compileText({ 'w.js': text })).setupBindsGlobals).toBe(false);
    expect((await compileFixture('workers/packages/addresses.js')).setupBindsGlobals).toBe(false);
  });
});
