/**
 * The walls that a system has around a process, as command lines. SECURITY: test/security/jail.test.ts tries them as a cell that was
 * taken over, with native code and without Node's permissions.
 */
import { lstatSync, readlinkSync } from 'node:fs';
import { BOARD } from '../../sandbox/protocol.ts';
import type { JailLevel } from '../runtime.ts';
import type { LockedLaunch } from './cell-launch.ts';
import type { CellLaunch } from './cell-process.ts';

/** One way to start a cell. */
export interface Wall {
  readonly level: JailLevel;
  wrap(launch: LockedLaunch): CellLaunch;
}

/** Of the namespaces that a jail makes, those without which it is none. */
export const NAMESPACES = ['user', 'pid', 'net', 'ipc', 'uts', 'mnt'] as const;

/** The user of a cell in its namespace: nobody. Outside it is that of the node, without any of its rights. */
const NOBODY = '65534';
/** A cell finds out by it that it is inside (sandbox/cell/lockup.ts). */
const HOSTNAME = 'cell';
/** A cell has about twenty, however many workers are in it. */
const OPEN_FILES_MAX = 256;

/** What holds without any jail: no core dumps of strangers' memory, no file larger than the board, few open files. */
export function limits(prlimit: string | undefined): readonly string[] {
  if (prlimit === undefined) return [];
  const boardBytes = BOARD.WORDS * Float64Array.BYTES_PER_ELEMENT;
  return [prlimit, '--core=0', `--fsize=${boardBytes}`, `--nofile=${OPEN_FILES_MAX}`, '--'];
}

function commandOf(words: readonly string[], launch: CellLaunch, level: JailLevel): CellLaunch {
  const [command = launch.command, ...args] = [...words, launch.command, ...launch.args];
  return level === 'process' ? { command, args } : { command, args: [...args, level], jail: level };
}

export function processWall(prefix: readonly string[]): Wall {
  return { level: 'process', wrap: (launch) => commandOf(prefix, launch, 'process') };
}

/**
 * Nothing of the system is there but the Node binary, `libraries` and what the cell's own flags let it read, all of it read-only; no
 * /proc, no /dev, no network, no other process. bwrap itself stays outside, and its end is the cell's.
 */
export function bubblewrapWall(prefix: readonly string[], bwrap: string, libraries: readonly string[]): Wall {
  const own = ['user', 'pid', 'net', 'ipc', 'uts', 'cgroup-try'].map((kind) => `--unshare-${kind}`);
  const who = ['--uid', NOBODY, '--gid', NOBODY, '--cap-drop', 'ALL', '--hostname', HOSTNAME];
  // Without --new-session: until bwrap has tied the cell to itself, only their group is how the node ends both (cell-process.ts). The
  // session is the cell's own all the same, since the node starts every cell in one.
  const life = ['--die-with-parent'];
  return {
    level: 'bubblewrap',
    wrap(launch) {
      const files = [launch.command, ...libraries, ...launch.reads].flatMap(mounted);
      const root = ['--chdir', '/', '--remount-ro', '/', '--'];
      return commandOf([...prefix, bwrap, ...own, ...who, ...life, ...files, ...root], launch, 'bubblewrap');
    },
  };
}

/** A package that was found through a link is looked for through it by the cell as well: what is there must be the link. */
function mounted(path: string): readonly string[] {
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  // A library is asked for by the name of its link, and lies in no other folder: a file will do.
  if (isLink && !/\.so[.\d]*$/.test(path)) return ['--symlink', readlinkSync(path), path];
  return ['--ro-bind-try', path, path];
}

export interface NamespacePrograms {
  readonly unshare: string;
  readonly sh: string;
  readonly env: string;
}

/**
 * No network, no other process; files are only behind Node's permissions. The shell is the first process of the namespace, since that
 * one cannot kill itself, which a cell must; env takes away again what the shell exports.
 */
export function namespacesWall(prefix: readonly string[], { unshare, sh, env }: NamespacePrograms): Wall {
  const own = ['--user', '--pid', '--net', '--ipc', '--uts', '--mount', '--cgroup', '--mount-proc'];
  const who = [`--map-user=${NOBODY}`, `--map-group=${NOBODY}`];
  const life = ['--fork', '--kill-child=KILL'];
  const inside = [sh, '-c', `"$@"; exit $?`, 'sh', env, '-i'];
  return {
    level: 'namespaces',
    wrap: (launch) => commandOf([...prefix, unshare, ...own, ...who, ...life, '--', ...inside], launch, 'namespaces'),
  };
}
