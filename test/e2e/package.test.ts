import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as sources from '../../src/index.ts';
import { runCli, startCli } from '../support/cli.ts';
import { folderWith } from '../support/folder.ts';
import { installPackage, type Project, ROOT, run, writeFiles } from '../support/installed-package.ts';

const WORKERS = {
  'runtime.yaml': 'workersFolder: ./workers\ndefaults: { interval: 1s }\n',
  'workers/py.py': 'def tick(ctx):\n    ctx.state.set("n", ctx.state.get("n", 0) + 1)\n',
  'workers/ts.ts': `import { one } from './_one.ts';
export function tick(ctx: { state: { get(key: string, other: number): number; set(key: string, value: number): void } }) {
  ctx.state.set('n', ctx.state.get('n', 0) + one);
}`,
  'workers/_one.ts': 'export const one: number = 1;',
};

const PROGRAM = `
import * as tickRuntime from 'tick-runtime';
const runtime = tickRuntime.createRuntime({ dataDir: './program-data' });
const { promise, resolve } = Promise.withResolvers();
runtime.on('tick', ({ tick }) => tick === 1 && resolve());
await runtime.start();
const files = [{ path: 'w.js', text: "export function tick(ctx) { ctx.state.set('seen', ctx.worker.name); }" }];
await runtime.deploy({ name: 'embedded', source: { kind: 'files', entry: 'w.js', files } });
await runtime.startWorker('embedded');
await promise;
const state = await runtime.readState('embedded');
await runtime.stop();
console.log(JSON.stringify({ state, exports: Object.keys(tickRuntime).sort() }));
`;

const CONSUMER = `
import { createRuntime, ERRORS, type Runtime, RuntimeError, systemClock, type WorkerStatus } from 'tick-runtime';
const runtime: Runtime = createRuntime({ dataDir: './data', clock: systemClock });
export const off = runtime.on('tick', (tick) => console.log(tick.outcome.length, tick.latenessMs.toFixed()));
export const workers: readonly WorkerStatus[] = runtime.status().workers;
export const isNoStart = (error: unknown) => error instanceof RuntimeError && ERRORS[error.code].fault === 'worker';
// @ts-expect-error: the data folder is needed
createRuntime({});
// @ts-expect-error: there is no such event
runtime.on('tock', () => undefined);
declare const console: { log(...values: unknown[]): void };
`;

const COMPILER_OPTIONS = {
  target: 'es2025',
  lib: ['es2025'],
  types: [],
  strict: true,
  skipLibCheck: true,
  noEmit: true,
};

const PUBLISHED = [
  /^(README|CHANGELOG)\.md$/,
  /^LICENSE$/,
  /^package\.json$/,
  /^bin\/[a-z-]+\.mjs$/,
  /^docs\/[\w./-]+$/,
  /^examples\/[\w./-]+$/,
  /^dist\/package\.json$/,
  /^dist\/(src|sandbox|adapters)\/[\w/.-]+(\.js|\.d\.ts|\.py|\.pyi)$/,
];

let project: Project;
beforeAll(async () => {
  project = await installPackage();
}, 150_000);
afterAll(() => project?.remove());

function startedAndTicking(cwd: string, script: string) {
  const cli = startCli(['start', '--json'], { cwd, script });
  const ticked = (worker: string, tick: number) =>
    cli.line(new RegExp(`"kind":"tick".*"worker":"default/${worker}","tick":${tick},"fn":"tick","outcome":"ok"`));
  return { cli, ticked };
}

describe('the installed package', () => {
  const packageFolder = () => join(project.folder, 'node_modules/tick-runtime');
  const installedFiles = () =>
    readdirSync(packageFolder(), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(packageFolder().length + 1));

  test('holds what is published and nothing else: no sources, tests, data, or paths of the machine it was built on', () => {
    const files = installedFiles();
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'dist/sandbox/guest/ctx.pyi']));
    expect(files.filter((file) => !PUBLISHED.some((pattern) => pattern.test(file)))).toEqual([]);
    expect(files.filter((file) => /(^|\/)\.|\.test\.|fixtures|__pycache__|\.(log|db|pem|key)$/.test(file))).toEqual([]);
    for (const file of files) expect(readFileSync(join(packageFolder(), file), 'utf8'), file).not.toContain(ROOT);
  });

  test('has a declaration for every module, and neither imports TypeScript', () => {
    const files = new Set(installedFiles());
    const guests = ['prelude', 'shell', 'python'].map((name) => `dist/sandbox/guest/${name}.js`);
    for (const file of files) {
      if (!file.startsWith('dist/') || !/\.(js|d\.ts)$/.test(file)) continue;
      const text = readFileSync(join(packageFolder(), file), 'utf8');
      expect(text.match(/^(import|export) .* from '.*\.ts';$/gm), file).toBeNull();
      if (file.endsWith('.js') && !guests.includes(file)) expect(files).toContain(file.replace(/\.js$/, '.d.ts'));
    }
  });

  test('has the command: version, a first folder, its check', { timeout: 60_000 }, async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(await run('npx', ['--no', '--', 'runtime', '--version'], project.folder)).toBe(
      `tick-runtime ${version}, Node ${process.versions.node}`,
    );
    await run('npx', ['--no', '--', 'runtime', 'init', 'bots'], project.folder);
    const bots = join(project.folder, 'bots');
    expect(readFileSync(join(bots, 'workers/ctx.d.ts'), 'utf8')).toContain('Ctx');
    const checked = await runCli(['config', 'check'], { cwd: bots, script: project.runtime });
    expect(checked).toMatchObject({ code: 0, output: expect.stringContaining('the configuration is right') });
  });

  test('runs workers in Python and TypeScript, and ends in order', { timeout: 60_000 }, async () => {
    const cwd = folderWith(WORKERS);
    const { cli, ticked } = startedAndTicking(cwd, project.runtime);
    await Promise.all([ticked('py', 2), ticked('ts', 2)]);
    cli.process.kill('SIGINT');
    expect(await cli.ended).toBe(0);
  });

  test('brings examples whose configuration is right', { timeout: 60_000 }, async () => {
    const config = join(packageFolder(), 'examples/runtime.yaml');
    const checked = await runCli(['config', 'check', '--config', config], { script: project.runtime });
    expect(checked).toMatchObject({ code: 0, output: expect.stringContaining('the configuration is right') });
  });

  test('is a library that exports what its sources do', { timeout: 60_000 }, async () => {
    writeFiles(project.folder, { 'program.mjs': PROGRAM });
    const answer = JSON.parse(await run(process.execPath, ['program.mjs'], project.folder));
    expect(answer).toEqual({ state: { seen: 'embedded' }, exports: Object.keys(sources).sort() });
  });

  test('has types for strict TypeScript, and so has the first folder it writes', { timeout: 60_000 }, async () => {
    await runCli(['init', 'typed'], { cwd: project.folder, script: project.runtime });
    await runCli(['types', 'typed/workers'], { cwd: project.folder, script: project.runtime });
    const nodenext = { compilerOptions: { ...COMPILER_OPTIONS, module: 'nodenext' }, files: ['consumer.ts'] };
    // A first folder's own project may be anything: also one that knows browsers, and checks declarations.
    const { lib: _, skipLibCheck: __, ...plain } = COMPILER_OPTIONS;
    const inModule = (module: string) =>
      JSON.stringify({ compilerOptions: { ...plain, module }, include: ['workers'] });
    writeFiles(project.folder, {
      'consumer.ts': CONSUMER,
      'tsconfig.json': JSON.stringify(nodenext),
      'typed/package.json': '{"type":"module"}',
      'typed/tsconfig.json': inModule('nodenext'),
      'typed/bundler.json': inModule('preserve'),
    });
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    for (const path of ['.', 'typed', 'typed/bundler.json'])
      expect(await run(process.execPath, [tsc, '-p', path], project.folder)).toBe('');
  });

  // As pnpm lays them out. Cells may read their own packages only, and Node checks the name it reads by.
  test('runs where node_modules consists of links', { timeout: 60_000 }, async () => {
    const cwd = folderWith(WORKERS);
    const store = join(cwd, 'store/tick-runtime/node_modules');
    cpSync(packageFolder(), join(store, 'tick-runtime'), { recursive: true });
    mkdirSync(join(store, 'tick-runtime/node_modules'));
    for (const name of readdirSync(join(project.folder, 'node_modules')))
      if (name !== 'tick-runtime' && !name.startsWith('.'))
        symlinkSync(join(project.folder, 'node_modules', name), join(store, name));
    mkdirSync(join(cwd, 'node_modules'));
    symlinkSync(join(store, 'tick-runtime'), join(cwd, 'node_modules/tick-runtime'));
    const { cli, ticked } = startedAndTicking(cwd, join(cwd, 'node_modules/tick-runtime/bin/runtime.mjs'));
    await Promise.all([ticked('py', 1), ticked('ts', 1)]);
    cli.process.kill('SIGINT');
    expect(await cli.ended).toBe(0);
  });
});

describe('what is packed', () => {
  test('leaves out whatever people keep beside the examples', async () => {
    const folder = folderWith({
      'package.json': readFileSync(join(ROOT, 'package.json'), 'utf8'),
      'bin/runtime.mjs': '',
      'src/index.ts': '',
      'test/x.test.ts': '',
      '.env': 'KEY=1',
      '.npmrc': '',
      'examples/.env': 'KEY=1',
      'examples/runtime.yaml': '',
      'examples/.runtime/state.db': '',
      'examples/trouble/.runtime/cache/python.snapshot': '',
      'examples/workers/__pycache__/a.pyc': '',
      'examples/out.log': '',
    });
    const [{ files }] = JSON.parse(await run('npm', ['pack', '--dry-run', '--json'], folder));
    const paths = files.map((file: { path: string }) => file.path);
    expect(paths.sort()).toEqual(['bin/runtime.mjs', 'examples/runtime.yaml', 'package.json']);
  });
});

describe('the choice between sources and build', () => {
  const packageWith = async (files: readonly string[]) => {
    const folder = folderWith(Object.fromEntries(files.map((file) => [file, ''])));
    cpSync(join(ROOT, 'bin/entry.mjs'), join(folder, 'bin/entry.mjs'));
    const url = pathToFileURL(join(folder, 'bin/entry.mjs')).href;
    const { entryUrl } = (await import(/* @vite-ignore */ url)) as { entryUrl(name: string): string };
    return { entryUrl, at: (file: string) => pathToFileURL(join(folder, file)).href };
  };

  test('is for the sources wherever they are, however new the build', async () => {
    const { entryUrl, at } = await packageWith(['src/index.ts', 'dist/src/index.js']);
    expect(entryUrl('index')).toBe(at('src/index.ts'));
    // Not the build even then: a module that is missing in a clone is an error.
    expect(entryUrl('cli/main')).toBe(at('src/cli/main.ts'));
  });

  test('is for the build where there are no sources', async () => {
    const { entryUrl, at } = await packageWith(['dist/src/index.js']);
    expect(entryUrl('index')).toBe(at('dist/src/index.js'));
  });

  test('says how to pack where there is neither', async () => {
    const { entryUrl } = await packageWith([]);
    expect(() => entryUrl('index')).toThrow('npm run pack');
  });
});
