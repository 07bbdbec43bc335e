/** The programs of vm2's tests, each as a worker's tick. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Canaries } from './canaries.ts';
import { type SuiteOptions, selectFiles } from './options.ts';
import type { Program } from './program.ts';
import { extractPrograms, SENTINEL } from './vm2-programs.ts';

const TIMEOUT_MS = 2_000;
const FILES = ['test/vm.js', 'test/nodevm.js', 'test/ghsa/*/*.js'];

export function listVm2(folder: string, options: SuiteOptions, canaries: Canaries): readonly Program[] {
  const all = FILES.flatMap((pattern) => globSync(pattern, { cwd: folder }).toSorted());
  if (all.length === 0) throw new Error(`${folder} has none of ${FILES.join(', ')}`);
  return selectFiles(all, options).flatMap((file) => {
    const { programs, stubs } = extractPrograms(readFileSync(join(folder, file), 'utf8'));
    return programs.map((text, index) => ({
      id: `${file}#${index + 1}`,
      suite: 'vm2' as const,
      source: text.replaceAll(SENTINEL, join(canaries.sentinelFolder, 'reached')),
      harness: [],
      strict: false,
      isAsync: false,
      negative: null,
      stubs,
      timeoutMs: TIMEOUT_MS,
    }));
  });
}
