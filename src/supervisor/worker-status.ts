/** What a person sees of a worker: of one that lives here, or of one that only is stored. */
import type { WorkerStatus } from '../runtime.ts';
import type { WorkerId } from '../store/contracts.ts';
import type { WorkerHead } from './head.ts';
import type { WorkerSlot } from './worker-slot.ts';

export function statusOf(slot: WorkerSlot): WorkerStatus {
  const { definition, head, compiled, ledger, state, reason } = slot.self;
  return {
    workspace: definition.workspace,
    name: definition.name,
    state,
    desired: head.desired,
    reason,
    version: compiled.version,
    language: compiled.language,
    schedule: definition.settings.schedule,
    tick: head.tick,
    consecutiveErrors: head.errors,
    maxErrors: definition.settings.maxErrors,
    skipped: head.skipped,
    lastOutcome: head.lastOutcome,
    lastTickAt: head.lastTickAt,
    nextTickAt: slot.nextDueWallMs,
    cell: slot.cellPid,
    stateBytes: ledger.bytes,
    stateKeys: ledger.keys,
  };
}

/** `refused`: why it could not be claimed. */
export function statusOfDormant(id: WorkerId, head: WorkerHead, refused: string | null): WorkerStatus {
  const [workspace = '', name = ''] = id.split('/');
  return {
    workspace,
    name,
    state: head.actual === 'failed' || head.actual === 'invalid' ? head.actual : 'stopped',
    desired: head.desired,
    reason:
      refused ?? (head.actual === 'running' ? 'its code has not been deployed since the node started' : head.reason),
    version: head.version,
    language: null,
    schedule: null,
    tick: head.tick,
    consecutiveErrors: head.errors,
    maxErrors: null,
    skipped: head.skipped,
    lastOutcome: head.lastOutcome,
    lastTickAt: head.lastTickAt,
    nextTickAt: null,
    cell: null,
    stateBytes: 0,
    stateKeys: 0,
  };
}
