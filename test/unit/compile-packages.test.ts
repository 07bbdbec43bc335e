import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileWorker } from '../../src/workers/compile.ts';
import type { CompiledWorker } from '../../src/workers/definition.ts';
import { closeCompiler } from '../../src/workers/esbuild-service.ts';
import { exportsOf, refusalOf } from '../support/compile.ts';

/** A project: `workers/` with the workers, `node_modules` above them. */
let project = '';

/** Packages as they are found in the wild; `node_modules` cannot be kept in git here. */
const FILES: Readonly<Record<string, string>> = {
  'node_modules/events/package.json': '{ "main": "index.js" }',
  'node_modules/events/index.js': 'module.exports = class EventEmitter {};',
  'node_modules/guarded/package.json': '{ "main": "index.js" }',
  'node_modules/guarded/index.js':
    "let fs = null;\ntry { fs = require('fs'); } catch (e) { exports.why = e.message; }\nexports.read = () => require('node:crypto');",
  'node_modules/needs-node/package.json': '{ "type": "module", "exports": "./index.js" }',
  'node_modules/needs-node/index.js': "\nimport { connect } from 'net';\nexport const open = connect;",
  'node_modules/two-faced/package.json':
    '{ "exports": { "node": "./node.js", "browser": "./web.js", "default": "./node.js" } }',
  'node_modules/two-faced/node.js': "module.exports = require('fs');",
  'node_modules/two-faced/web.js': "export const face = 'web';",
  'node_modules/mapped/package.json': '{ "main": "main.js", "browser": { "fs": false, "./node.js": "./web.js" } }',
  'node_modules/mapped/main.js': "exports.value = [typeof require('fs').readFile, require('./node.js')];",
  'node_modules/mapped/node.js': "module.exports = 'node';",
  'node_modules/mapped/web.js': "module.exports = 'web';",
  'node_modules/caches/package.json': '{ "type": "module", "exports": "./index.js" }',
  'node_modules/caches/index.js': 'let cache;\nexport function warm() { cache = 1; }\nexport const get = () => cache;',
};

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'packages-'));
  await mkdir(join(project, 'workers'));
  for (const [path, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(project, path)), { recursive: true });
    await writeFile(join(project, path), text);
  }
});
afterAll(async () => {
  await closeCompiler();
  await rm(project, { recursive: true });
});

const compile = async (text: string): Promise<CompiledWorker> => {
  const file = join(project, 'workers', 'w.ts');
  await writeFile(file, text);
  return compileWorker({ kind: 'file', file });
};
const tickOf = async (text: string): Promise<unknown> => exportsOf(await compile(text))['tick']?.();

describe('an npm package of a worker', () => {
  test('may have the name of a module of Node', async () => {
    expect(await tickOf("import E from 'events';\nexport const tick = () => E.name;")).toBe('EventEmitter');
    const { message } = await refusalOf(compile("import E from 'node:events';\nexport const tick = () => E;"));
    expect(message).toMatch(/^w\.ts:1:15: node:events is not available in a worker/);
  });

  test('is used in its variant for browsers where it has one', async () => {
    expect(await tickOf("import { face } from 'two-faced';\nexport const tick = () => face;")).toBe('web');
    const mapped = await tickOf("import { value } from 'mapped';\nexport const tick = () => value.join();");
    expect(mapped).toBe('undefined,web');
  });

  test('that asks for Node inside of a condition fails only when it gets there', async () => {
    const why = await tickOf("import { why } from 'guarded';\nexport const tick = () => why;");
    expect(why).toMatch(/^node:fs is not available in a worker; files of the host are out of reach/);
    const late = tickOf("import { read } from 'guarded';\nexport const tick = () => read();");
    await expect(late).rejects.toThrow('node:crypto is not available in a worker');
  });

  test('that cannot do without Node is refused with its own file and line', async () => {
    const { message } = await refusalOf(compile("import { open } from 'needs-node';\nexport const tick = () => open;"));
    expect(message).toMatch(/^node_modules\/needs-node\/index\.js:2:25: node:net is not available.*use ctx\.http/);
  });

  test('may keep a cache of its own without setup binding globals, unlike a file of the worker', async () => {
    const text = (from: string): string =>
      `import { get, warm } from '${from}';\nexport function setup() { warm(); }\nexport const tick = () => get();`;
    expect((await compile(text('caches'))).setupBindsGlobals).toBe(false);
    await writeFile(join(project, 'workers', 'own.ts'), FILES['node_modules/caches/index.js'] ?? '');
    expect((await compile(text('./own.ts'))).setupBindsGlobals).toBe(true);
  });

  test('is part of the version', async () => {
    const text = "import { get } from 'caches';\nexport const tick = () => get();";
    const before = await compile(text);
    await writeFile(
      join(project, 'node_modules/caches/index.js'),
      'export const get = () => 2;\nexport const warm = () => 1;',
    );
    expect((await compile(text)).version).not.toBe(before.version);
  });
});
