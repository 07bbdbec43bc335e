/** This package as a user has it: packed, and installed by npm into a project of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');
const TIMEOUT_MS = 120_000;

export interface Project {
  readonly folder: string;
  /** Its `runtime` command, as npm has put it into node_modules/.bin. */
  readonly runtime: string;
  remove(): void;
}

/** Rejects with all output unless the program ends with 0; resolves with its stdout. */
export async function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  // What `npm test` tells its children about the project it runs in must not reach an npm for another one.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(?!config_)|_prefix$/.test(name)),
  );
  const child = spawn(program, args, {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    shell: process.platform === 'win32',
  });
  let stdout = '';
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (stream === child.stdout) stdout += text;
    });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${signal ?? `exit code ${code}`}\n${output}`);
  return stdout.trim();
}

export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Packs with `npm run pack`'s script and installs; takes about ten seconds. */
export async function installPackage(): Promise<Project> {
  // A name as people have them.
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tick runtime, installed-')));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    await run(process.execPath, [join(ROOT, 'tools/pack.mjs'), '--pack-destination', folder], ROOT);
    const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'none';
    writeFiles(folder, { 'package.json': '{ "name": "consumer", "private": true, "type": "module" }' });
    const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
    await run('npm', ['install', ...flags, `./${tarball}`], folder);
  } catch (error) {
    remove();
    throw error;
  }
  return { folder, runtime: join(folder, 'node_modules/.bin/runtime'), remove };
}
