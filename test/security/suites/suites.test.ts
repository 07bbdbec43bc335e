/** The whole runner, with small suites of our own in the place of the public ones. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { folderWith } from '../../support/folder.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
const LIMIT_MS = 120_000;

const TEST262 = {
  'harness/assert.js': 'function assert(fact) { if (fact !== true) throw new Test262Error("not true"); }',
  'harness/sta.js': 'function Test262Error(message) { this.message = message; }',
  'harness/doneprintHandle.js':
    'function $DONE(error) { print(error ? "Test262:AsyncTestFailure:x" : "Test262:AsyncTestComplete"); }',
  'harness/extra.js': 'const extra = 5;',
  'test/a/adds.js': '/*---\nincludes: [extra.js]\n---*/\nassert(extra === 5);',
  'test/a/fails.js': 'assert(1 === 2);',
  'test/a/early.js': '/*---\nflags: [raw]\nnegative: {phase: parse, type: SyntaxError}\n---*/\nvar var;',
  'test/a/later.js': '/*---\nflags: [async, onlyStrict]\n---*/\nPromise.resolve().then(() => $DONE());',
  'test/a/shared.js': '/*---\nfeatures: [SharedArrayBuffer]\n---*/\nnew SharedArrayBuffer(1);',
  'test/a/less.js': '/*---\nflags: [noStrict]\n---*/\nassert(typeof WebAssembly === "object");',
  'test/a/part_FIXTURE.js': 'throw 1;',
};
const VM2 = {
  'test/vm.js': `vm.run('1 + 1'); vm.run('process.exit(1)'); vm.run('for (;;);');`,
};

async function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ lines: string[]; code: number }> {
  const results = folderWith();
  const child = promisify(execFile)(process.execPath, [MAIN, '--priority', '0', ...args], {
    env: { PATH: process.env['PATH'], TICK_RUNTIME_SUITES_RESULTS: results, ...env },
  });
  const { stdout, code } = await child.then(
    (end) => ({ ...end, code: 0 }),
    (error: unknown) => error as { stdout: string; code: number },
  );
  return { lines: stdout.split('\n'), code };
}

it('suites without a folder are skipped, and it says which variable is missing', async () => {
  const { lines, code } = await run([], {});
  expect(code).toBe(0);
  for (const name of ['TICK_RUNTIME_ISOLATED_VM', 'TICK_RUNTIME_VM2', 'TICK_RUNTIME_TEST262'])
    expect(lines.find((line) => line.includes('SKIPPED') && line.includes(name))).toBeDefined();
});

it(
  'programs run as workers: what became of them, and what isolated-vm alone makes of them',
  async () => {
    const folder = { TICK_RUNTIME_TEST262: folderWith(TEST262), TICK_RUNTIME_VM2: folderWith(VM2) };
    const { lines, code } = await run(['--suite', 'vm2,test262'], folder);
    expect(lines).toContain('all 3: 1 returned, 1 threw, 1 timeout');
    expect(lines).toContain('  skipped, no shared memory: 1');
    // "fails" in both modes, and "less" has what a worker has not.
    expect(lines).toContain('all 7: 4 pass, 3 fail');
    expect(lines).toContain('against isolated-vm alone: 4 of 7 pass as workers, 5 without (-20.00 %)');
    expect(lines.filter((line) => line === 'node deaths: 0')).toHaveLength(2);
    expect(lines).toContain('VIOLATION workers pass 20.00 % less than isolated-vm alone');
    expect(code).toBe(1);
  },
  LIMIT_MS,
);
