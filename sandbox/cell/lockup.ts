/**
 * SECURITY: a cell that could reach files, sockets, children or threads must not run (test/security/lockup.test.ts). Node's
 * permission model does not claim to hold against native exploits; it is the wall behind isolated-vm, not the only one.
 */
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
  const variables = Object.keys(process.env);
  return variables.length > 0 ? `its environment has ${variables.length} variables` : null;
}
