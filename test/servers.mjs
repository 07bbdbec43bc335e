/**
 * The servers that tests run against: finds redis-server and Postgres on this machine, and installs them where apt-get can.
 * Tests start servers of their own from these programs; no service of the machine is started, and none is touched. And bubblewrap, behind
 * which cells run on Linux: what needs it is not tested without it, and says so.
 */
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

const INSTALL_LIMIT_MS = 300_000;
/** Where packages put a Postgres that is not on PATH: parent folder, and what a version's folder is called. */
const POSTGRES_FOLDERS = [
  ['/usr/lib/postgresql', /^(\d+)$/],
  ['/opt/homebrew/opt', /^postgresql@(\d+)$/],
  ['/usr/local/opt', /^postgresql@(\d+)$/],
];
/** What asks whether a service may start while packages are installed: 101 is no. */
const POLICY = '/usr/sbin/policy-rc.d';
const CLUSTER_SETTINGS = '/etc/postgresql-common/createcluster.conf';
const CLUSTER_DEFAULTS = '/usr/share/postgresql-common/createcluster.conf';

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function folderOnPath(...programs) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.find((folder) => programs.every((program) => isProgram(join(folder, program))));
}

/** Path of redis-server. */
export function findRedis() {
  const folder = folderOnPath('redis-server');
  return folder === undefined ? undefined : join(folder, 'redis-server');
}

/** Folder that holds initdb and postgres: the one on PATH, or else of the newest version. */
export function findPostgres() {
  const onPath = folderOnPath('initdb', 'postgres');
  if (onPath !== undefined) return onPath;
  return POSTGRES_FOLDERS.flatMap(([parent, version]) =>
    (existsSync(parent) ? readdirSync(parent) : []).map((name) => [
      Number(version.exec(name)?.[1]),
      join(parent, name, 'bin'),
    ]),
  )
    .filter(
      ([version, folder]) => version > 0 && ['initdb', 'postgres'].every((program) => isProgram(join(folder, program))),
    )
    .sort(([a], [b]) => b - a)[0]?.[1];
}

function missingServers() {
  return [findRedis() === undefined && 'redis-server', findPostgres() === undefined && 'postgresql'].filter(Boolean);
}

/** Other systems have no such thing. */
const lacksBubblewrap = () => process.platform === 'linux' && folderOnPath('bwrap') === undefined;

function missingPackages() {
  return [...missingServers(), ...(lacksBubblewrap() ? ['bubblewrap'] : [])];
}

const APT_ENVIRONMENT = {
  ...process.env,
  DEBIAN_FRONTEND: 'noninteractive',
  // A settings file that is there stays as it is.
  UCF_FORCE_CONFFOLD: '1',
};

function apt(args, limitMs) {
  const { status, error, signal, stdout, stderr } = spawnSync(
    'apt-get',
    ['-o', 'DPkg::Lock::Timeout=120', '-o', 'Dpkg::Use-Pty=0', ...args],
    {
      env: APT_ENVIRONMENT,
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
      timeout: limitMs,
      maxBuffer: 64 << 20,
    },
  );
  if (status === 0) return undefined;
  const reason = error?.message ?? signal ?? `exit code ${status}`;
  return `apt-get ${args.join(' ')}: ${reason}\n${`${stdout}${stderr}`.trim().split('\n').slice(-30).join('\n')}`;
}

/** Writes a file that is not there for as long as `work` runs; a signal meanwhile waits until it is taken back. */
function withFile(path, text, mode, takeBack, work) {
  if (existsSync(path)) return work();
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode });
  try {
    return work();
  } finally {
    takeBack(path);
  }
}

/** No service starts. The file takes itself away should this process have been killed before it could. */
const withoutServices = (work) =>
  withFile(
    POLICY,
    `#!/bin/sh\n# Written by a test run while it installs packages.\nkill -0 ${process.pid} 2>/dev/null && exit 101\nrm -f "$0"\nexit 0\n`,
    0o755,
    (path) => rmSync(path, { force: true }),
    work,
  );

/** Postgres' package makes no database of its own; afterwards its settings are those that it ships. */
const withoutCluster = (work) =>
  withFile(
    CLUSTER_SETTINGS,
    'create_main_cluster = false\n',
    0o644,
    (path) => (existsSync(CLUSTER_DEFAULTS) ? copyFileSync(CLUSTER_DEFAULTS, path) : rmSync(path, { force: true })),
    work,
  );

/** What apt-get said where it failed. */
function install(packages) {
  // With a listener a Ctrl-C ends apt-get, which shares the terminal, and not this process before it has tidied up.
  const wait = () => undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, wait);
  try {
    const begun = Date.now();
    const outdated = apt(['update'], INSTALL_LIMIT_MS / 3);
    const failed = withoutServices(() =>
      withoutCluster(() =>
        apt(['install', '-y', '--no-install-recommends', ...packages], INSTALL_LIMIT_MS - (Date.now() - begun)),
      ),
    );
    // Lists that could not be renewed may have done; where they have not, that is the likely reason.
    return failed && [outdated, failed].filter(Boolean).join('\n');
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, wait);
  }
}

/** The command that installs them on this machine, for a person. */
function command(packages) {
  const has = (program) => folderOnPath(program) !== undefined;
  const named = (redis, postgres) =>
    packages.map((name) => ({ 'redis-server': redis, postgresql: postgres })[name] ?? name).join(' ');
  if (process.platform === 'win32') return 'run the tests in WSL: Redis has no Windows version';
  if (process.platform === 'darwin') return `brew install ${named('redis', 'postgresql@17')}`;
  if (has('apt-get')) return `sudo apt-get install ${named('redis-server', 'postgresql')}`;
  if (has('dnf')) return `sudo dnf install ${named('redis', 'postgresql-server')}`;
  if (has('apk')) return `sudo apk add ${named('redis', 'postgresql')}`;
  if (has('pacman')) return `sudo pacman -S ${named('redis', 'postgresql')}`;
  return `install ${named('redis-server', 'Postgres (with initdb)')} with the package manager of this system`;
}

/** What is missing is installed. Returns undefined where all is there, or else one line that says what to do. */
export function ensureServers() {
  const missing = missingPackages();
  if (missing.length === 0) return undefined;
  if (process.platform === 'linux' && process.getuid() === 0 && folderOnPath('apt-get') !== undefined) {
    console.log(`installing ${missing.join(' and ')} for the tests (apt-get; no service is started)`);
    const problem = install(missing);
    if (missingPackages().length === 0) return undefined;
    if (problem !== undefined) console.error(problem);
  }
  const servers = missingServers();
  if (servers.length > 0)
    return `tests need ${servers.join(' and ')}, which could not be found here: ${command(missingPackages())}`;
  console.error(`NOT TESTED: cells behind bubblewrap, which could not be found here: ${command(['bubblewrap'])}`);
  return undefined;
}
