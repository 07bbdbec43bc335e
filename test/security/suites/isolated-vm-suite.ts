/** isolated-vm's own tests against the installed package, each in a process of its own, as its test.js does it. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type SuiteOptions, selectFiles } from './options.ts';

export interface IsolatedVmResult {
  readonly file: string;
  /** Null: it passed, at once or in one of a few attempts. */
  readonly problem: string | null;
  readonly attempts: number;
}

/** They compare times, or need the profiler's sampling to hit: on a busy machine they fail by chance. */
export const TIMED = new Set(['cached-data.js', 'cpu-profiler.js', 'neverending-gc.js']);
const ATTEMPTS = 5;

const LIMIT_MS = 120_000;
const OUTPUT_CHARS = 600;

export async function runIsolatedVm(folder: string, options: SuiteOptions): Promise<readonly IsolatedVmResult[]> {
  const all = readdirSync(join(folder, 'tests')).filter((file) => file.endsWith('.js'));
  const results: IsolatedVmResult[] = [];
  for (const file of selectFiles(all.toSorted(), options)) results.push(await runFile(folder, file));
  return results;
}

async function runFile(folder: string, file: string): Promise<IsolatedVmResult> {
  for (let attempts = 1; ; attempts++) {
    const problem = await runTest(folder, file);
    if (problem === null || !TIMED.has(file) || attempts === ATTEMPTS) return { file, problem, attempts };
  }
}

function runTest(folder: string, file: string): Promise<string | null> {
  const path = join(folder, 'tests', file);
  const wanted = /node-args: *(.+)/.exec(readFileSync(path, 'utf8'))?.[1]?.split(' ') ?? [];
  // The package that the engine uses, not the one whose tests these are.
  const installed = dirname(dirname(createRequire(import.meta.url).resolve('isolated-vm/package.json')));
  const child = spawn(process.execPath, ['--no-node-snapshot', ...wanted, path], {
    cwd: folder,
    env: { ...process.env, NODE_PATH: installed },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout = (stdout + text).slice(-OUTPUT_CHARS);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-OUTPUT_CHARS);
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  return new Promise((resolve) => {
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const isPass = code === 0 && stdout === 'pass\n' && stderr === '';
      resolve(isPass ? null : `${signal ?? code}: ${`${stderr}${stdout}`.trim()}`);
    });
  });
}
