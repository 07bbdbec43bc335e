import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileWorker } from '../../src/workers/compile.ts';
import { closeCompiler } from '../../src/workers/esbuild-service.ts';
import { compileText, exportsOf, refusalOf } from '../support/compile.ts';

const SECRET = 'HOST-SECRET-4711';
/** A host's folder with things that no worker may see, and the folder of a worker beside them. */
let host = '';
let own = '';

beforeAll(async () => {
  host = await realpath(await mkdtemp(join(tmpdir(), 'escape-')));
  own = join(host, 'worker');
  await mkdir(join(own, 'sub'), { recursive: true });
  await writeFile(join(host, 'secret.js'), `export const secret = '${SECRET}';`);
  await writeFile(join(host, 'secret.json'), `{ "secret": "${SECRET}" }`);
  await writeFile(join(host, 'secret.txt'), SECRET);
  await writeFile(join(host, 'secret.py'), `secret = '${SECRET}'`);
  const map = { version: 3, sources: [`${SECRET}.ts`], sourcesContent: [SECRET], names: [], mappings: 'AAAA' };
  await writeFile(join(host, 'secret.map'), JSON.stringify(map));
  await symlink(join(host, 'secret.js'), join(own, 'linked.js'));
  await symlink(join(host, 'secret.py'), join(own, 'linked.py'));
  await symlink(host, join(own, 'up'));
});
afterAll(async () => {
  await closeCompiler();
  await rm(host, { recursive: true });
});

/** Every way to name a file of the host. */
const ways = (): string[] => [
  '../secret.js',
  '../secret',
  '../../../../../../../etc/passwd',
  './../secret.json',
  join(host, 'secret.js'),
  join(host, 'secret.json'),
  '/etc/passwd',
  pathToFileURL(join(host, 'secret.js')).href,
  `data:text/javascript,export * from '${join(host, 'secret.js')}'`,
  'https://example.org/x.js',
  '..',
  '..\\secret.js',
];

const fileWorker = async (name: string, text: string): Promise<{ message: string }> => {
  await writeFile(join(own, name), text);
  return refusalOf(compileWorker({ kind: 'file', file: join(own, name) }));
};

describe('text that a platform handed in', () => {
  test('reaches no file of the host by any import', async () => {
    for (const way of ways()) {
      const specifier = JSON.stringify(way);
      for (const code of [
        `import * as x from ${specifier};\nexport const tick = () => x;`,
        `export * from ${specifier};\nexport const tick = () => 1;`,
        `exports.tick = () => require(${specifier});`,
        `export const tick = () => import(${specifier});`,
        `import x from ${specifier} with { type: 'text' };\nexport const tick = () => x;`,
      ]) {
        const { message } = await refusalOf(compileText({ 'w.js': code }));
        expect(message).toMatch(/^w\.js:1:\d+: /);
        expect(message).not.toContain(SECRET);
      }
    }
  });

  test('does not find the packages of the host', async () => {
    const { message } = await refusalOf(
      compileText({ 'w.js': "import x from 'ipaddr.js';\nexport const tick = () => x;" }),
    );
    expect(message).toMatch(/^w\.js:1:15: the package "ipaddr\.js" is not among the worker's files/);
  });

  test('gets no settings from a tsconfig.json or package.json, its own or of the host', async () => {
    const text = 'export class A { x = 1 }\nexport const tick = () => Object.keys(new A()).length;';
    const plain = await compileText({ 'w.ts': text });
    const tsconfig = JSON.stringify({ compilerOptions: { useDefineForClassFields: false, target: 'es5' } });
    const settings = { 'tsconfig.json': tsconfig, 'package.json': '{ "type": "commonjs", "sideEffects": false }' };
    expect((await compileText({ 'w.ts': text, ...settings })).code).toBe(plain.code);
    const cwd = process.cwd;
    await writeFile(join(host, 'tsconfig.json'), tsconfig);
    process.cwd = () => host;
    try {
      expect((await compileText({ 'w.ts': text })).code).toBe(plain.code);
    } finally {
      process.cwd = cwd;
    }
  });

  test('has no source map of the host read for it', async () => {
    for (const url of [pathToFileURL(join(host, 'secret.map')).href, join(host, 'secret.map'), '../secret.map']) {
      const comment = `//# source${'MappingURL'}=${url}`;
      const code = `${comment}\nexport function tick() { throw new Error('x'); }\n${comment}`;
      const worker = await compileText({ 'w.js': code });
      const stack = (() => {
        try {
          return String(exportsOf(worker)['tick']?.());
        } catch (error) {
          return worker.mapStack((error as Error).stack ?? '');
        }
      })();
      expect(stack).toContain('w.js:2:32');
      expect(stack).not.toContain(SECRET);
    }
  });

  test.each(['../w.js', '/w.js', 'a//b.js', './w.js', 'a\\b.js', 'C:/w.js', 'w\n.js', ''])(
    'may not name a file %j',
    async (path) => {
      const files = [{ path: 'w.js', text: 'export const tick = () => 1;' }];
      const given = compileWorker({ kind: 'files', entry: 'w.js', files: [...files, { path, text: '' }] });
      expect((await refusalOf(given)).message).toMatch(/^w\.js:1:1: .* is not a relative path/);
      expect((await refusalOf(compileWorker({ kind: 'files', entry: path, files }))).message).toMatch(/^worker:1:1: /);
    },
  );

  test('finds its own files in the ways that people write imports', async () => {
    const worker = await compileText({
      'src/w.ts':
        "import { a } from './a';\nimport { b } from '../lib/b.js';\nimport { c } from '../lib';\nexport const tick = () => a + b + c;",
      'src/a.ts': 'export const a = 1;',
      'lib/b.ts': 'export const b = 10;',
      'lib/index.js': 'export const c = 100;',
    });
    expect(exportsOf(worker)['tick']?.()).toBe(111);
  });
});

describe('a file of the operator', () => {
  test('imports nothing outside of its folder', async () => {
    for (const way of ways()) {
      const { message } = await fileWorker(
        'w.js',
        `import * as x from ${JSON.stringify(way)};\nexport const tick = () => x;`,
      );
      expect(message).toMatch(/^w\.js:1:20: /);
      expect(message).not.toContain(SECRET);
    }
  });

  test('imports nothing through a link that leads out', async () => {
    for (const way of ['./linked.js', './up/secret.js', './up/secret.json']) {
      const { message } = await fileWorker('w.js', `import * as x from '${way}';\nexport const tick = () => x;`);
      expect(message).toMatch(/a link out of the worker's folder$/);
    }
  });

  test('may not be a link that leads out itself', async () => {
    for (const name of ['linked.js', 'linked.py']) {
      const { message } = await refusalOf(compileWorker({ kind: 'file', file: join(own, name) }));
      expect(message).toBe(`${name}:1:1: the file is a link out of the worker's folder`);
    }
  });

  test('may be a link to another file in its folder, as mounted configuration is', async () => {
    await writeFile(join(own, 'sub', 'real.js'), "function tick() {\n  throw new Error('x');\n}");
    await symlink(join('sub', 'real.js'), join(own, 'mounted.js'));
    const worker = await compileWorker({ kind: 'file', file: join(own, 'mounted.js') });
    expect(worker.entry).toBe('mounted.js');
    expect(exportsOf(worker)['tick']).toThrow('x');
    await writeFile(join(own, 'sub', 'real.js'), 'function tick() {\n  const = 1;\n}');
    const { message } = await refusalOf(compileWorker({ kind: 'file', file: join(own, 'mounted.js') }));
    expect(message).toMatch(/^mounted\.js:2:9: /);
  });

  test('has no source map read from outside', async () => {
    const comment = `//# source${'MappingURL'}=../secret.map`;
    await writeFile(join(own, 'mapped.js'), `export function tick() { throw new Error('x'); }\n${comment}`);
    const worker = await compileWorker({ kind: 'file', file: join(own, 'mapped.js') });
    expect(worker.mapStack('Error\n    at tick (worker:bundle:30:1)')).not.toContain(SECRET);
  });

  test('gets no settings from the tsconfig.json beside it, which belongs to an editor', async () => {
    const file = join(own, 'plain.ts');
    await writeFile(file, 'class A { x = 1 }\nexport const tick = () => new A();');
    await writeFile(join(own, 'tsconfig.json'), '{ "compilerOptions": { "useDefineForClassFields": false } }');
    expect((await compileWorker({ kind: 'file', file })).code).not.toContain('this.x');
  });

  test('names no path of the host in its errors and stacks', async () => {
    const { message } = await fileWorker(
      'w.js',
      "import './sub/missing.js';\nimport '../x.js';\nexport const tick = () => 1;",
    );
    expect(message).not.toContain(host);
    await writeFile(join(own, 'ok.js'), "export function tick() { throw new Error('x'); }");
    const worker = await compileWorker({ kind: 'file', file: join(own, 'ok.js') });
    expect(JSON.stringify(worker)).not.toContain(host);
  });
});
