/** What the system says about processes, by their ids alone. Linux; a process that is gone counts as nothing. */
import { readdirSync, readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;
const MS_PER_JIFFY = 10;

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

export function rssOf(pid: number): number {
  return Number(read(`/proc/${pid}/statm`).split(' ')[1] ?? 0) * PAGE_BYTES;
}

export function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

/** Time on a processor of all its threads that still are, ms, to the microsecond. */
export function cpuMsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .map((task) => Number(read(`/proc/${pid}/task/${task}/schedstat`).split(' ')[0] ?? 0) / 1e6)
      .reduce((sum, ms) => sum + ms, 0);
  } catch {
    return 0;
  }
}

/** Time that its first thread was ready to run and did not, ms. */
export function runDelayMsOf(pid: number): number {
  return Number(read(`/proc/${pid}/schedstat`).split(' ')[1] ?? 0) / 1e6;
}

/** Time on a processor of a process and of every child that it has seen end, ms. */
export function familyCpuMsOf(pid: number): number {
  const text = read(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, jiffies) => sum + Number(jiffies), 0) * MS_PER_JIFFY || 0;
}

/** 0 where it is gone. */
export function parentOf(pid: number): number {
  const text = read(`/proc/${pid}/stat`);
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
}

/** Time on all processors of everything on this machine, ms, and what all of them had. */
export function machineCpuMs(): { readonly busy: number; readonly all: number } {
  const jiffies = (read('/proc/stat').split('\n', 1)[0] ?? '').trim().split(/\s+/).slice(1, 9).map(Number);
  const all = jiffies.reduce((sum, one) => sum + one, 0);
  const idle = (jiffies[3] ?? 0) + (jiffies[4] ?? 0);
  return { busy: (all - idle) * MS_PER_JIFFY, all: all * MS_PER_JIFFY };
}

export function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}
