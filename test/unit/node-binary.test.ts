import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NODE_MAJOR, NODE_PACKAGES, pinnedNodeBinary } from '../../src/core/node-binary.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

test('the wrapper for older Nodes knows the same binaries as the engine', () => {
  const text = read('bin/runtime.mjs');
  const [, table = ''] = /const NODE_PACKAGES = \{([^}]*)\}/.exec(text) ?? [];
  const entries = [...table.matchAll(/'([^']+)': '([^']+)'/g)].map(([, platform, name]) => [platform, name]);
  expect(Object.fromEntries(entries)).toEqual(NODE_PACKAGES);
  for (const file of ['bin/runtime.mjs', 'bin/tick-runtime.mjs'])
    expect(read(file)).toContain(`NODE_MAJOR = ${NODE_MAJOR};`);
});

test('the package depends on every binary, in the pinned major version', () => {
  const { optionalDependencies } = JSON.parse(read('package.json'));
  expect(Object.keys(optionalDependencies).sort()).toEqual(Object.values(NODE_PACKAGES).sort());
  for (const version of Object.values(optionalDependencies)) expect(version).toMatch(new RegExp(`^${NODE_MAJOR}\\.`));
});

test('a process that is Node 26 runs its cells with its own binary', () => {
  expect(pinnedNodeBinary()).toBe(process.execPath);
});
