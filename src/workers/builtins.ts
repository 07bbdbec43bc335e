/** Modules of Node that a worker cannot have, each with the way that a worker does the same thing. */
import { isBuiltin } from 'node:module';

const NETWORK = 'use ctx.http';
const FILES =
  'files of the host are out of reach; keep data in ctx.state, or import data files (.json, .txt) so that they become part of the worker';
const PROCESSES = 'a worker cannot start processes or threads';

const WAYS: Readonly<Record<string, string>> = {
  http: NETWORK,
  https: NETWORK,
  http2: NETWORK,
  net: NETWORK,
  tls: NETWORK,
  dgram: NETWORK,
  dns: NETWORK,
  undici: NETWORK,
  fs: FILES,
  child_process: PROCESSES,
  cluster: PROCESSES,
  worker_threads: PROCESSES,
  process: 'use ctx.params for settings and ctx.worker for facts about the worker',
  os: 'use ctx.worker for facts about the worker',
  timers: 'setTimeout and setInterval are globals',
  sqlite: 'use ctx.state',
  crypto: 'bundle a package in plain JavaScript instead, for example @noble/hashes',
  console: 'console is a global; its lines go to the log of the worker',
};

/** `fs`, `node:fs`, `fs/promises`; not a package that merely has such a name as its first part. */
export function isNodeModule(specifier: string): boolean {
  return specifier.startsWith('node:') || isBuiltin(specifier) || specifier === 'undici';
}

/** The sentence for an import that needs Node. */
export function nodeModuleMessage(specifier: string): string {
  const name = specifier.replace(/^node:/, '');
  const root = name.split('/')[0] ?? name;
  const way = WAYS[root] ?? `if an npm package "${root}" exists that needs no Node, install it and it is bundled`;
  return `${specifier.startsWith('node:') ? specifier : `node:${name}`} is not available in a worker; ${way}`;
}
