/**
 * The files of an empty Postgres, made once per machine, version and user, and unpacked for every server: initdb takes most of
 * a second. One archive, because a file is renamed into place in one step and is there as a whole or not at all, whoever else
 * makes it meanwhile and whatever cleans the temp folder.
 */
import { execFile } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Counts up when what initdb is asked for changes. */
const RECIPE = 2;
const OTHERS_MAY_ENTER = 0o001;
const MEMORY = '/dev/shm';
const MEMORY_FREE_BYTES_MIN = 1_073_741_824;

export interface PostgresUser {
  readonly uid: number;
  readonly gid: number;
}

/** Postgres refuses to run as root: then it runs as the user that its package made. Undefined: as whoever runs the tests. */
export function postgresUser(): PostgresUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const line = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  if (line === null) throw new Error('Postgres does not run as root, and there is no user postgres in /etc/passwd');
  return { uid: Number(line[1]), gid: Number(line[2]) };
}

function mayBeEntered(folder: string): boolean {
  if ((statSync(folder).mode & OTHERS_MAY_ENTER) === 0) return false;
  return folder === dirname(folder) || mayBeEntered(dirname(folder));
}

/** The temp folder, or /tmp where that user cannot reach it. */
function root(user: PostgresUser | undefined): string {
  const folder = realpathSync(tmpdir());
  return user === undefined || mayBeEntered(folder) ? folder : '/tmp';
}

/** A file system in memory, where there is one with room for many databases. */
function memoryRoot(user: PostgresUser | undefined): string | undefined {
  if (!existsSync(MEMORY)) return undefined;
  const { bavail, bsize } = statfsSync(MEMORY);
  return bavail * bsize >= MEMORY_FREE_BYTES_MIN && (user === undefined || mayBeEntered(MEMORY)) ? MEMORY : undefined;
}

/** A new folder that belongs to that user. */
export function makePostgresFolder(user: PostgresUser | undefined, inMemory = false): string {
  const parent = (inMemory ? memoryRoot(user) : undefined) ?? root(user);
  const folder = mkdtempSync(join(parent, 'tick-runtime-postgres-'));
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  return folder;
}

async function makeTemplate(programs: string, template: string, user: PostgresUser | undefined): Promise<void> {
  const folder = makePostgresFolder(user);
  try {
    const as = { ...user, cwd: folder };
    const options = [
      '--username=postgres',
      '--auth=trust',
      '--encoding=UTF8',
      '--locale=C',
      '--wal-segsize=1',
      '--no-sync',
    ];
    await run(join(programs, 'initdb'), ['-D', join(folder, 'data'), ...options], as);
    await run('tar', ['-C', folder, '-cf', join(folder, 'template.tar'), 'data'], as);
    renameSync(join(folder, 'template.tar'), template);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Puts a new Postgres into `<folder>/data`; `programs` is the folder of initdb. */
export async function unpackPostgres(programs: string, folder: string, user: PostgresUser | undefined): Promise<void> {
  const { stdout } = await run(join(programs, 'postgres'), ['--version'], { ...user, cwd: folder });
  const version = /\d+[.\w]*/.exec(stdout)?.[0] ?? 'unknown';
  const owner = user?.uid ?? process.getuid?.() ?? 0;
  const template = join(root(user), `tick-runtime-postgres-${version}-${owner}-${RECIPE}.tar`);
  if (!existsSync(template)) await makeTemplate(programs, template, user);
  await run('tar', ['-C', folder, '-xf', template], { ...user, cwd: folder });
}
