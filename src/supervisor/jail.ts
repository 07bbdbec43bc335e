/**
 * The strongest wall that this system gives cells. Which one works depends on kernel, container and distribution in more ways than can be
 * asked for, so a real cell is started behind each, and looked at from outside, until one is as it must be.
 */
import { existsSync } from 'node:fs';
import type { LogLevel } from '../../sandbox/protocol.ts';
import { RuntimeError } from '../core/errors.ts';
import { findProgram, librariesOf } from '../core/programs.ts';
import type { SandboxOptions } from '../runtime.ts';
import { cellLaunch } from './cell-launch.ts';
import { sharedNamespaces } from './cell-pid.ts';
import { CellProcess } from './cell-process.ts';
import { bubblewrapWall, limits, NAMESPACES, namespacesWall, processWall, type Wall } from './jail-commands.ts';

export interface JailOptions {
  readonly mode: NonNullable<SandboxOptions['jail']>;
  /** Folders of programs, as in PATH. */
  readonly searchPath: string;
  readonly log: (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;
  /** Ends a trial. */
  readonly signal: AbortSignal;
}

/** Starts of a cell take a fifth of a second; a machine that does other things may need much longer. */
const TRIAL_TIMEOUT_MS = 15_000;
/** Where the loader does not say what it needs. */
const LIBRARY_FOLDERS = ['/lib', '/lib64', '/usr/lib', '/usr/lib64'];
const INSTALL =
  'install bubblewrap (a package of every distribution) and let the user of the node make user namespaces';

/** @throws RuntimeError JAIL_UNAVAILABLE where one is required and none works; STOPPED by the signal. */
export async function chooseWall(options: JailOptions): Promise<Wall> {
  const { mode, searchPath, log, signal } = options;
  const prefix = limits(findProgram('prlimit', searchPath));
  if (mode === 'off') return processWall(prefix);
  const failed: string[] = [];
  for (const { name, walls } of candidates(prefix, searchPath)) {
    const problem = await firstThatWorks(await walls(), signal);
    if (signal.aborted) throw new RuntimeError('STOPPED', 'The engine is stopping.');
    if (typeof problem !== 'string') {
      const why = failed.length === 0 ? '' : ` (${failed.join('; ')})`;
      log('info', `cells are behind ${name}${why}`, { jail: problem.level, failed });
      return problem;
    }
    failed.push(`${name}: ${problem}`);
  }
  const tried = failed.join('; ');
  if (mode === 'required')
    throw new RuntimeError(
      'JAIL_UNAVAILABLE',
      `sandbox.jail is required, and no jail works here (${tried}); ${INSTALL}.`,
    );
  const hint = process.platform === 'linux' ? `; ${INSTALL}` : '';
  log('warn', `cells have no wall of the system around them (${tried})${hint}`, { jail: 'process', failed });
  return processWall(prefix);
}

interface Candidate {
  readonly name: string;
  /** What is missing, or in the order in which they are tried. */
  readonly walls: () => Promise<readonly Wall[] | string> | readonly Wall[] | string;
}

function candidates(prefix: readonly string[], searchPath: string): readonly Candidate[] {
  if (process.platform !== 'linux') return [{ name: process.platform, walls: () => 'it has none that is known' }];
  return [
    {
      name: 'bubblewrap',
      async walls() {
        const bwrap = findProgram('bwrap', searchPath);
        if (bwrap === undefined) return 'there is no program bwrap on PATH';
        const needed = await librariesOf(cellLaunch().command);
        const folders = LIBRARY_FOLDERS.filter((folder) => existsSync(folder));
        const sets = needed.length === 0 ? [folders] : [needed, folders];
        return sets.map((libraries) => bubblewrapWall(prefix, bwrap, libraries));
      },
    },
    {
      name: 'namespaces',
      walls() {
        const [unshare, sh, env] = ['unshare', 'sh', 'env'].map((name) => findProgram(name, searchPath));
        if (unshare === undefined || sh === undefined || env === undefined)
          return `there is no program ${unshare === undefined ? 'unshare (util-linux)' : sh === undefined ? 'sh' : 'env'} on PATH`;
        return [namespacesWall(prefix, { unshare, sh, env })];
      },
    },
  ];
}

/** Or why none of them does. */
async function firstThatWorks(walls: readonly Wall[] | string, signal: AbortSignal): Promise<Wall | string> {
  if (typeof walls === 'string') return walls;
  let problem = '';
  for (const wall of walls) {
    const found = await tryOut(wall, signal);
    if (found === null) return wall;
    // The first is the one that should have worked.
    problem ||= found;
  }
  return problem;
}

/** A real cell behind it, up to its first word. Null: it is as it must be. */
function tryOut(wall: Wall, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    let verdict: string | null | undefined;
    const decide = (found: string | null): void => {
      verdict ??= found ?? null;
      cell.kill('it was a trial');
    };
    let cell: CellProcess;
    try {
      cell = new CellProcess(wall.wrap(cellLaunch()), {
        onMessage: (message) =>
          decide(message.kind === 'hello' ? problemOf(cell) : `it said ${JSON.stringify(message)}`),
        onClosed: (reason) => {
          clearTimeout(timer);
          signal.removeEventListener('abort', onAbort);
          resolve(verdict === undefined ? reason : verdict);
        },
      });
    } catch (error) {
      resolve(error instanceof Error ? error.message : String(error));
      return;
    }
    const onAbort = (): void => decide('the engine is stopping');
    const timer = setTimeout(() => decide(`it said nothing within ${TRIAL_TIMEOUT_MS / 1_000} s`), TRIAL_TIMEOUT_MS);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
  });
}

function problemOf(cell: CellProcess): string | null {
  if (!cell.isFound) return 'the system does not tell which process it is';
  const shared = sharedNamespaces(cell.pid, NAMESPACES);
  if (shared === null) return 'its namespaces cannot be looked at';
  return shared.length === 0 ? null : `it shares the namespaces ${shared.join(', ')} with the node`;
}
