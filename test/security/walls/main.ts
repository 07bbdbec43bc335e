/**
 * `npm run test:walls [-- NAME]`: takes each wall away, one at a time, in a copy of this repository in the temporary folder, and
 * looks whether a test goes red. Ends with 1 when one does not.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WALLS, type Wall } from './walls.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const LEFT_OUT = new Set(['.git', 'node_modules', 'dist', '.runtime', 'data', 'coverage']);
const TEST_LIMIT_MS = 300_000;
const NAMES_MAX = 4;

function copyRepository(): string {
  const copy = mkdtempSync(join(tmpdir(), 'tick-walls-'));
  for (const name of readdirSync(root))
    if (!LEFT_OUT.has(name)) cpSync(join(root, name), join(copy, name), { recursive: true });
  // Cells follow no links to their packages.
  cpSync(join(root, 'node_modules'), join(copy, 'node_modules'), { recursive: true, verbatimSymlinks: true });
  return copy;
}

/** What failed, by name; null where the run ended without a verdict. */
function failuresOf(copy: string, { file, only }: Wall['red'][number]): readonly string[] | null {
  if (!file.endsWith('.test.ts')) return casesOf(copy, file, only ?? '');
  const report = join(copy, 'walls-report.json');
  rmSync(report, { force: true });
  const args = [join(copy, 'node_modules', 'vitest', 'vitest.mjs'), 'run', file];
  args.push('--reporter=json', `--outputFile=${report}`, ...(only === undefined ? [] : ['-t', only]));
  spawnSync(process.execPath, args, { cwd: copy, stdio: 'ignore', timeout: TEST_LIMIT_MS, killSignal: 'SIGKILL' });
  try {
    const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
      testResults: { message: string; assertionResults: { status: string; fullName: string }[] }[];
    };
    const failed = testResults.flatMap(({ assertionResults }) =>
      assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
    );
    const broken = testResults.filter(({ message }) => message !== '').map(({ message }) => message.slice(0, 200));
    return failed.length > 0 ? failed : broken;
  } catch {
    return null;
  }
}

/** Cases of the corpus that ended otherwise than they must, or what was violated besides. */
function casesOf(copy: string, file: string, only: string): readonly string[] | null {
  const { status, stdout } = spawnSync(process.execPath, [join(copy, file), '--only', only], {
    cwd: copy,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: TEST_LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  if (status === 0) return [];
  const bad = stdout.split('\n').flatMap((line) => /^BAD +(\S+ .*?) {2}/.exec(`${line}  `)?.[1]?.trim() ?? []);
  return bad.length > 0 ? bad : stdout.trim() === '' ? null : [stdout.trim().split('\n').at(-1)?.slice(0, 200) ?? ''];
}

/** Is the test green while every wall stands? Each is asked once. */
const controls = new Map<string, boolean>();
function isGreen(copy: string, red: Wall['red'][number]): boolean {
  const key = JSON.stringify(red);
  const known = controls.get(key) ?? failuresOf(copy, red)?.length === 0;
  controls.set(key, known);
  return known;
}

function takeAway(copy: string, wall: Wall): string {
  const useless = wall.red.find((red) => !isGreen(copy, red));
  if (useless !== undefined) return `BROKEN ${useless.file} (${useless.only ?? 'all'}) is red while the wall stands`;
  const path = join(copy, wall.file);
  const text = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    text.replace(wall.find, () => wall.replace),
  );
  try {
    for (const red of wall.red) {
      const failures = failuresOf(copy, red);
      if (failures === null) return `RED    the run of ${red.file} was ended or broke`;
      if (failures.length > 0) {
        const more = failures.length > NAMES_MAX ? ` and ${failures.length - NAMES_MAX} more` : '';
        return `RED    ${failures.slice(0, NAMES_MAX).join(' | ')}${more}`;
      }
    }
    return 'GREEN  nobody noticed';
  } finally {
    writeFileSync(path, text);
  }
}

const wanted = process.argv[2] ?? '';
const copy = copyRepository();
let unnoticed = 0;
try {
  for (const wall of WALLS.filter(({ name }) => name.includes(wanted))) {
    const verdict = takeAway(copy, wall);
    if (!verdict.startsWith('RED')) unnoticed += 1;
    console.log(`${wall.name} (${wall.file})\n  ${verdict}`);
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(unnoticed === 0 ? 'Every wall is watched by a test.' : `${unnoticed} walls are not watched.`);
process.exitCode = unnoticed === 0 ? 0 : 1;
