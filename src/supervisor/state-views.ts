/** Stored state as people are shown it. */
import { checksumOf } from '../core/checksum.ts';
import type { StateCopies, StateCopy, StateExport, StateInfo } from '../runtime-state.ts';
import type { Claimed, StoredCopies, StoredCopy, WorkerId } from '../store/contracts.ts';
import { parseHead } from './head.ts';

const bytesOf = (key: string, json: string): number => Buffer.byteLength(key) + Buffer.byteLength(json);
const isIntact = ({ checksum, entries }: Claimed): boolean =>
  checksum === undefined || checksum === checksumOf(entries);
const byKey = (a: { readonly key: string }, b: { readonly key: string }): number => (a.key < b.key ? -1 : 1);

/** Stores give them in orders of their own. */
const sorted = (entries: Claimed['entries']): Claimed['entries'] => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));

export function infoOf(worker: WorkerId, stored: Claimed): StateInfo {
  const { tick, desired, actual } = parseHead(worker, stored.head);
  const keys = stored.entries.map(([key, json]) => ({ key, bytes: bytesOf(key, json) })).sort(byKey);
  return {
    worker,
    epoch: String(stored.epoch),
    revision: String(stored.revision),
    checksum: stored.checksum ?? null,
    intact: isIntact(stored),
    tick,
    desired,
    actual,
    bytes: keys.reduce((sum, { bytes }) => sum + bytes, 0),
    keys,
  };
}

export function exportOf(worker: WorkerId, stored: Claimed, wallMs: number): StateExport {
  return {
    format: 'tick-runtime-state',
    version: 1,
    worker,
    revision: String(stored.revision),
    exportedAt: new Date(wallMs).toISOString(),
    tick: tickOf(worker, stored.head),
    entries: sorted(stored.entries),
  };
}

export function shownCopies({ redis, postgres }: StoredCopies): StateCopies {
  const show = (copy: StoredCopy | string | null): StateCopy | string | null => {
    if (copy === null || typeof copy === 'string') return copy;
    return {
      writtenEpoch: String(copy.writtenEpoch),
      epoch: String(copy.epoch),
      revision: String(copy.revision),
      checksum: copy.checksum ?? null,
      intact: isIntact(copy),
      tick: tickOf('', copy.head),
      entries: sorted(copy.entries),
    };
  };
  return { redis: show(redis), postgres: show(postgres) };
}

function tickOf(worker: WorkerId, head: string | null): number | null {
  try {
    return parseHead(worker, head).tick;
  } catch {
    return null;
  }
}
