/** What ends a ledger, as people read it. */
import { RuntimeError } from '../core/errors.ts';

export function fencedError(worker: string, epoch: bigint, ours: bigint): RuntimeError {
  const why =
    epoch > ours ? 'another owner took it over' : 'the store was put back to a time before it was started here';
  return new RuntimeError('FENCED', `Worker ${worker} is no longer ours: ${why} (epoch ${epoch}, ours ${ours}).`);
}

export function damaged(worker: string, revision: bigint): RuntimeError {
  return new RuntimeError(
    'STATE_CORRUPT',
    `The stored state of worker ${worker} (revision ${revision}) does not match its checksum: it was damaged, or changed by hand. Restore it from a backup, or write it anew with \`runtime state import\`.`,
  );
}

export function staleError(worker: string, found: bigint | null, ours: bigint, why: string): RuntimeError {
  const what = found === null ? 'it is from before this start' : `stored revision ${found}, ours ${ours}`;
  return new RuntimeError(
    'STALE',
    `The stored state of worker ${worker} is not the one that was written last (${what}), and ${why}. Nothing was overwritten; start the worker to go on from what is stored.`,
  );
}
