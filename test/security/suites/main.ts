/**
 * Public test suites as a further opinion: `npm run test:suites -- --suite vm2`. Their folders come from the environment; a suite without
 * one is skipped, and that is said. Exit code 1: something is as it must not be. See README.md.
 */
import { mkdtempSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Canaries, openCanaries } from './canaries.ts';
import { runIsolatedVm, TIMED } from './isolated-vm-suite.ts';
import { FOLDERS, parseOptions, RESULTS, type Suite, type SuiteOptions } from './options.ts';
import type { Program } from './program.ts';
import { compare, summarize } from './report.ts';
import { Results } from './results.ts';
import { type Runner, runPrograms } from './run-programs.ts';
import { listTest262 } from './test262-suite.ts';
import { listVm2 } from './vm2-suite.ts';

const say = (line: string): void => console.log(line);
const options = parseOptions(process.argv.slice(2));
const resultsFolder = resolve(process.env[RESULTS] ?? mkdtempSync(join(tmpdir(), 'tick-runtime-suites-results-')));
setPriority(options.priority);
say(`results in ${resultsFolder} (${RESULTS})`);

const violations: string[] = [];
for (const suite of options.suites) {
  const folder = process.env[FOLDERS[suite]];
  if (folder === undefined || folder === '') {
    say(`\n== ${suite}: SKIPPED: set ${FOLDERS[suite]} to a folder with a copy of it`);
    continue;
  }
  say(`\n== ${suite}`);
  const found = await run(suite, resolve(folder), options);
  for (const violation of found) say(`VIOLATION ${violation}`);
  violations.push(...found);
}
say(`\n${violations.length} violations`);
process.exitCode = violations.length === 0 ? 0 : 1;

async function run(suite: Suite, folder: string, given: SuiteOptions): Promise<readonly string[]> {
  if (suite === 'isolated-vm') return isolatedVm(folder, given);
  const canaries = await openCanaries();
  try {
    if (suite === 'vm2') return await vm2(folder, given, canaries);
    return await test262(folder, given, canaries);
  } finally {
    canaries.close();
  }
}

async function isolatedVm(folder: string, given: SuiteOptions): Promise<readonly string[]> {
  const results = await runIsolatedVm(folder, given);
  const failed = results.filter(({ problem }) => problem !== null);
  say(`${results.length - failed.length} of ${results.length} pass on Node ${process.version}`);
  for (const { file, problem, attempts } of failed) say(`  ${file} (${attempts} times): ${problem}`);
  return failed.filter(({ file }) => !TIMED.has(file)).map(({ file }) => `isolated-vm's test ${file} fails`);
}

async function vm2(folder: string, given: SuiteOptions, canaries: Canaries): Promise<readonly string[]> {
  const programs = listVm2(folder, given, canaries);
  say(`${programs.length} programs`);
  const { results, canary } = await runAll('engine', 'vm2', programs, given, canaries);
  return told(
    summarize(
      programs.map(({ id }) => id),
      results,
      canary,
    ),
  );
}

async function test262(folder: string, given: SuiteOptions, canaries: Canaries): Promise<readonly string[]> {
  const listing = listTest262(folder, given);
  say(`${listing.files.length} files`);
  for (const [reason, files] of listing.skipped) say(`  skipped, ${reason}: ${files.length}`);
  const ids = [...listing.programs()].map(({ id }) => id);
  say(`${ids.length} programs`);
  const { results, canary } = await runAll('engine', 'test262', listing.programs(), given, canaries);
  const found = told(summarize(ids, results, canary));
  if (!given.baseline) return found;
  const bare = await runAll('bare', 'test262-bare', listing.programs(), given, canaries);
  return [...found, ...told(compare(ids, results, bare.results))];
}

async function runAll(
  runner: Runner,
  name: string,
  programs: Iterable<Program>,
  { lanes }: SuiteOptions,
  canaries: Canaries,
) {
  const results = new Results(resultsFolder, name);
  const since = performance.now();
  const canary = await runPrograms(programs, { runner, lanes, canaries, results, say });
  say(`${name}: ${((performance.now() - since) / 1_000).toFixed(0)} s`);
  return { results, canary };
}

function told({
  lines,
  violations: found,
}: {
  lines: readonly string[];
  violations: readonly string[];
}): readonly string[] {
  for (const line of lines) say(line);
  return found;
}
