import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { ERRORS } from '../../src/core/errors.ts';
import { runCli } from '../support/cli.ts';
import { folderWith } from '../support/folder.ts';

const PYTHON = 'def tick(ctx):\n    pass\n';

describe('the command line', () => {
  test('prints its version and that of Node', async () => {
    const { code, stdout } = await runCli(['--version']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^tick-runtime \d+\.\d+\.\d+, Node 26\.\d+\.\d+$/);
  });

  test('helps with every command and shows examples', async () => {
    const { code, stdout } = await runCli(['--help']);
    expect(code).toBe(0);
    for (const word of ['start', 'init', 'types', 'config', 'status', 'Examples:', 'Exit codes:'])
      expect(stdout).toContain(word);
    // Every one of the table of errors, and 0.
    const codes = new Set([0, ...Object.values(ERRORS).map(({ exit }) => exit)]);
    for (const exit of codes) expect(stdout).toMatch(new RegExp(`^ {2}${exit} {2}\\w`, 'm'));
    expect(stdout).toMatch(/^ {2}4 .*Postgres.*Redis/m);
    for (const command of [['start'], ['status'], ['config', 'check'], ['config', 'schema']]) {
      const help = await runCli([...command, '--help']);
      expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('Examples:') });
    }
  });

  test('refuses an unknown command with the one that was meant', async () => {
    const { code, output } = await runCli(['strat']);
    expect(code).toBe(2);
    expect(output).toContain('Did you mean start?');
  });

  test('refuses an unknown option', async () => {
    const { code, output } = await runCli(['start', '--cofnig', 'x']);
    expect(code).toBe(2);
    expect(output).toContain('--config');
  });

  test('refuses a second --config', async () => {
    const { code, output } = await runCli(['config', 'check', '--config', 'a.yaml', '-c', 'b.yaml']);
    expect(code).toBe(2);
    expect(output).toContain('given twice');
  });

  test('prints the JSON Schema of the configuration', async () => {
    const { code, stdout } = await runCli(['config', 'schema']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(configJsonSchema());
  });
});

describe('runtime init', () => {
  test('writes a folder that passes its own check, with the schema and the types', async () => {
    const folder = folderWith();
    const made = await runCli(['init', 'bots'], { cwd: folder });
    expect(made).toMatchObject({
      code: 0,
      output: expect.stringContaining('runtime start --config bots/runtime.yaml'),
    });
    const text = readFileSync(join(folder, 'bots/runtime.yaml'), 'utf8');
    expect(text.split('\n', 1)[0]).toBe('# yaml-language-server: $schema=./runtime.schema.json');
    expect(readdirSync(join(folder, 'bots/workers')).sort()).toEqual(['ctx.d.ts', 'ctx.pyi', 'dice.ts', 'hello.py']);
    const checked = await runCli(['config', 'check'], { cwd: join(folder, 'bots') });
    expect(checked).toMatchObject({
      code: 0,
      output: expect.stringContaining('2 workers, the configuration is right'),
    });
  });

  test('overwrites nothing and then writes nothing', async () => {
    const folder = folderWith({ 'runtime.yaml': 'mine' });
    const { code, output } = await runCli(['init'], { cwd: folder });
    expect(code).toBe(2);
    expect(output).toContain('runtime.yaml already');
    expect(readdirSync(folder)).toEqual(['runtime.yaml']);
  });

  test.each(['init', 'types'])('%s says that it was given a file', async (command) => {
    const cwd = folderWith({ afile: 'mine' });
    const { code, output } = await runCli([command, 'afile'], { cwd });
    expect({ code, output }).toEqual({ code: 2, output: 'runtime: afile is a file; name a folder' });
  });

  test('leaves a .gitignore as it is', async () => {
    const folder = folderWith({ '.gitignore': 'mine' });
    expect(await runCli(['init'], { cwd: folder })).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder, '.gitignore'), 'utf8')).toBe('mine');
  });
});

describe('runtime types', () => {
  test('writes the types of ctx for both languages and replaces older ones', async () => {
    const folder = folderWith({ 'ctx.pyi': 'old' });
    const { code } = await runCli(['types'], { cwd: folder });
    expect(code).toBe(0);
    expect(readFileSync(join(folder, 'ctx.d.ts'), 'utf8')).toContain('Ctx');
    expect(readFileSync(join(folder, 'ctx.pyi'), 'utf8')).toContain('Ctx');
  });
});

describe('runtime config check', () => {
  test('names every problem with file, line and column', async () => {
    const cwd = folderWith({ 'runtime.yaml': 'workers:\n  - file: nope.py\n    intervall: 5s\n' });
    const { code, output } = await runCli(['config', 'check'], { cwd });
    expect(code).toBe(2);
    expect(output).toContain('runtime.yaml:2:11: workers[0].file: there is no such file');
    expect(output).toContain('runtime.yaml:3:5: workers[0].intervall: unknown key; did you mean interval?');
    expect(output).not.toContain('    at ');
  });

  test('compiles every worker and names the broken ones, the others are right', async () => {
    const cwd = folderWith({
      'runtime.yaml': 'workersFolder: ./w\n',
      'w/fine.py': PYTHON,
      'w/no_tick.py': 'def tik(ctx):\n    pass\n',
      'w/syntax.ts': 'export function tick(ctx) {\n  return (;\n}\n',
    });
    const { code, output } = await runCli(['config', 'check'], { cwd });
    expect(code).toBe(2);
    expect(output).toMatch(/^ok +fine /m);
    expect(output).toMatch(/^problem +no-tick +w\/no_tick\.py:1:1: .*tick/m);
    expect(output).toMatch(/^problem +syntax +w\/syntax\.ts:2:\d+: /m);
  });

  test('tells programs the same as JSON lines', async () => {
    const cwd = folderWith({
      'runtime.yaml': 'workersFolder: ./w\n',
      'w/a.py': PYTHON,
      'w/b.py': 'def tick(ctx)\n    pass\n',
      'w/c.ts': 'const none = JSON.parse("null");\nnone.foo();\nexport function tick() {}\n',
    });
    const { code, stdout } = await runCli(['config', 'check', '--json'], { cwd });
    expect(code).toBe(2);
    const [a, b, c, summary] = stdout.split('\n').map((line) => JSON.parse(line));
    expect(a).toMatchObject({ kind: 'worker', worker: 'a', ok: true, language: 'python' });
    expect(b).toMatchObject({ kind: 'worker', worker: 'b', ok: false, code: 'CODE_INVALID' });
    expect(b.message).toBe("w/b.py:1:14: SyntaxError: expected ':'");
    expect(b.problems).toEqual([{ file: 'w/b.py', line: 1, column: 14, message: b.message }]);
    expect(c.problems).toMatchObject([{ file: 'w/c.ts', line: 2, message: expect.stringContaining('TypeError') }]);
    expect(c.message).toBe(c.problems[0].message);
    expect(summary).toEqual({ kind: 'summary', ok: false, workers: 3, broken: 2 });
  });

  test('says with which configuration to check again', async () => {
    const cwd = folderWith({ 'my range.yaml': 'workers: 5\n' });
    const { output } = await runCli(['config', 'check', '--config', 'my range.yaml'], { cwd });
    expect(output).toContain("check again with: runtime config check --config 'my range.yaml'");
  });

  test('says where it looked when there is no configuration', async () => {
    const cwd = folderWith();
    mkdirSync(join(cwd, 'sub'));
    writeFileSync(join(cwd, 'runtime.yaml'), '');
    const { code, output } = await runCli(['config', 'check'], { cwd: join(cwd, 'sub') });
    expect(code).toBe(2);
    expect(output).toContain('there is no configuration at runtime.yaml');
    expect(output).toContain('runtime init');
  });
});
