/**
 * SECURITY: a cell that could reach files, sockets, children or threads must not run (test/security/lockup.test.ts). Node's
 * permission model does not claim to hold against native exploits; it is the wall behind isolated-vm, not the only one.
 */
import { hostname, networkInterfaces } from 'node:os';

interface Permission {
  has(scope: string, reference?: string): boolean;
}

const FLAGS = [
  '--no-node-snapshot',
  '--permission',
  '--allow-addons',
  '--allow-fs-read=',
  '--disable-warning=',
  '--minor-gc-task-trigger=',
  '--min-semi-space-size=',
  '--max-semi-space-size=',
  '--no-sparkplug',
  '--no-maglev',
] as const;

/** What is open that must be shut; null if nothing. */
export function findOpenDoor(): string | null {
  const permission = (process as { permission?: Permission }).permission;
  if (permission === undefined) return 'it was started without --permission';
  if (!process.execArgv.includes('--no-node-snapshot')) return 'it was started without --no-node-snapshot';
  // `has` answers for a scope as a whole: a right to one more file or folder shows only in the flags.
  const extra = process.execArgv.find((flag) => !FLAGS.some((known) => flag.startsWith(known)));
  if (extra !== undefined) return `it has the flag ${extra.split('=', 1)[0]}`;
  for (const scope of ['fs.write', 'child', 'worker', 'net', 'inspector', 'wasi'])
    if (permission.has(scope)) return `it has the permission ${scope}`;
  for (const path of ['/etc/passwd', '/proc/self/environ', '/'])
    if (permission.has('fs.read', path)) return `it may read ${path}`;
  // bubblewrap tells everything that it starts where it is.
  if (process.argv[2] === 'bubblewrap' && process.env['PWD'] === '/') delete process.env['PWD'];
  const variables = Object.keys(process.env);
  if (variables.length > 0) return `its environment has ${variables.length} variables`;
  return process.argv[2] === undefined ? null : findGap(process.argv[2]);
}

/** The first processes of a namespace: what starts a cell in it, and the cell. */
const FIRST_PIDS = 9;

/** Of the jail that the node says to have put it in, as far as a cell can see it: no rights are needed for this. */
function findGap(level: string): string | null {
  const outward = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ internal }) => !internal));
  if (outward) return `it sees a network in spite of ${level}`;
  if (process.pid > FIRST_PIDS) return `it is among other processes in spite of ${level}`;
  return level === 'bubblewrap' && hostname() !== 'cell' ? 'it sees the name of the host in spite of bubblewrap' : null;
}
