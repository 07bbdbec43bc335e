/** The walls of this machine, one by one: what is on PATH decides which one is chosen. */
import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';
import { findProgram } from '../../src/core/programs.ts';
import type { JailLevel } from '../../src/index.ts';
import { cellLaunch } from '../../src/supervisor/cell-launch.ts';
import type { CellLaunch } from '../../src/supervisor/cell-process.ts';
import { chooseWall } from '../../src/supervisor/jail.ts';
import type { Wall } from '../../src/supervisor/jail-commands.ts';
import { folderWith } from './folder.ts';
import type { ProbeTargets } from './jail-probe.ts';

const PATH = process.env['PATH'] ?? '';
const PROBE = fileURLToPath(new URL('jail-probe.ts', import.meta.url));
const FRAME = fileURLToPath(new URL('probe-frame.ts', import.meta.url));

/** A folder with these programs of the system and no others: a PATH that leads to one level. */
export function pathWith(...names: readonly string[]): string {
  const folder = folderWith();
  for (const name of names) {
    const program = findProgram(name, PATH);
    if (program !== undefined) symlinkSync(program, join(folder, basename(name)));
  }
  return folder;
}

export const pathOf = (level: JailLevel): string => {
  if (level === 'bubblewrap') return pathWith('bwrap', 'prlimit');
  return level === 'namespaces' ? pathWith('unshare', 'sh', 'env', 'prlimit') : pathWith('prlimit');
};

/** Whether the machine can do it, asked in another way than the engine asks. */
const CAN: Readonly<Record<JailLevel, readonly string[]>> = {
  bubblewrap: ['bwrap', '--unshare-user', '--unshare-pid', '--unshare-net', '--ro-bind', '/', '/', 'true'],
  namespaces: ['unshare', '--user', '--map-user=1', '--pid', '--net', '--fork', '--mount', '--mount-proc', 'true'],
  process: ['true'],
};

/** Skips the test, loudly, where this machine has no such wall; fails where it could have. */
export async function wallOf(level: JailLevel, { skip }: Pick<TestContext, 'skip'>): Promise<Wall> {
  const said: string[] = [];
  const wall = await chooseWall({
    mode: 'auto',
    searchPath: pathOf(level),
    log: (_, message) => said.push(message),
    signal: new AbortController().signal,
  });
  if (wall.level === level) return wall;
  const [command = '', ...args] = CAN[level];
  if (spawnSync(command, args, { env: { PATH } }).status === 0)
    throw new Error(`${level} works here and was not chosen: ${said.join(' ')}`);
  const reason = `NOT TESTED: ${level} does not work on this machine: ${said.join(' ')}`;
  console.error(reason);
  return skip(reason);
}

/** How a process is started that does in a cell's place what jail-probe.ts says, with no permissions of Node's to hold it. */
export function probeBehind(
  wall: Wall,
  targets: Partial<ProbeTargets>,
  order = 'try',
  extra: readonly string[] = [],
): CellLaunch {
  const { command, reads } = cellLaunch();
  const args = ['--disable-warning=ExperimentalWarning', PROBE, JSON.stringify(targets), order];
  return wall.wrap({ command, args, reads: [...reads, PROBE, FRAME, ...extra] });
}
