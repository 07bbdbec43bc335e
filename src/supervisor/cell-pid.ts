/**
 * The pid of the cell behind a jail. What the node starts is the jail's own program; in the namespace that it makes a small process comes
 * first, which collects the dead, and the cell is its only child. Inside, the cell has another pid, which means nothing here.
 */
import { readFileSync, readlinkSync } from 'node:fs';

/** To be asked once the cell has spoken: before that other programs stand in its place. Null where the system does not tell. */
export function jailedPid(outermost: number): number | null {
  const first = onlyChild(outermost);
  return first === null ? null : onlyChild(first);
}

function onlyChild(pid: number): number | null {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    return /^\d+$/.test(children) ? Number(children) : null;
  } catch {
    return null;
  }
}

/** Those of the kinds of namespaces in which a process is not alone; null where that cannot be seen. */
export function sharedNamespaces(pid: number, kinds: readonly string[]): readonly string[] | null {
  try {
    return kinds.filter((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`) === readlinkSync(`/proc/self/ns/${kind}`));
  } catch {
    return null;
  }
}
