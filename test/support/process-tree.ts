/** Which processes descend from one, by their ids alone: /proc where there is one, else ps. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

interface Row {
  readonly pid: number;
  readonly parent: number;
  /** One letter; Z has ended and waits for its parent to ask how. */
  readonly state: string;
}

const HAS_PROC = existsSync('/proc/self/stat');

function readRow(pid: number): Row | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // pid (name) state parent …, and a name may hold anything.
    const [state = '', parent = ''] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { pid, parent: Number(parent), state };
  } catch {
    return undefined;
  }
}

function rows(): readonly Row[] {
  if (HAS_PROC)
    return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readRow(Number(name)) ?? []) : []));
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' });
  return stdout.split('\n').flatMap((line) => {
    const [pid, parent, state] = line.trim().split(/\s+/);
    return state === undefined ? [] : { pid: Number(pid), parent: Number(parent), state: state.slice(0, 1) };
  });
}

/** Children, their children and so on that still run; `pid` itself is not among them. */
export function descendantsOf(pid: number): readonly number[] {
  const all = rows();
  const found = [pid];
  for (const at of found) for (const row of all) if (row.parent === at && row.state !== 'Z') found.push(row.pid);
  return found.slice(1);
}

/** False as well for one that has ended and that nobody has asked how. */
export function isRunning(pid: number): boolean {
  const row = HAS_PROC ? readRow(pid) : rows().find((one) => one.pid === pid);
  return row !== undefined && row.state !== 'Z' && row.state !== 'X';
}
