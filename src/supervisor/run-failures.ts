/** What a failure means for the worker's life: it is counted, and at the limit the life ends. */
import type { GuestError } from '../../sandbox/protocol.ts';
import type { RunResult } from './run-result.ts';
import { describeError, isBlamed, loadReason } from './tick-report.ts';
import type { WorkerSelf } from './worker-self.ts';

const REASON_CHARS = 2_000;

export async function onLoadFailed(self: WorkerSelf, code: string, error: GuestError): Promise<void> {
  const text = describeError({ ...error, stack: self.compiled.mapStack(error.stack) });
  if (code === 'INTERNAL') {
    self.services.log('error', `loading worker ${self.id} failed: ${text}`, { worker: self.id });
    return self.to('recovering', 'the sandbox could not be made');
  }
  self.calls.log('error', `The worker cannot be loaded. ${text}`, null);
  // Code that has run before is not invalid: its module body failed this time.
  if (self.head.setupDone === self.head.startId) return countLoadError(self, error.message);
  self.update({ actual: 'invalid', reason: loadReason(error, text).slice(0, REASON_CHARS) });
}

export async function countLoadError(self: WorkerSelf, message: string): Promise<void> {
  self.update({ errors: self.head.errors + 1, lastOutcome: 'error' });
  failAtLimit(self, message);
  await self.commit();
}

/** `message`: the last error's; null where only the limit was lowered. */
export function failAtLimit(self: WorkerSelf, message: string | null): boolean {
  const { errors } = self.head;
  const { maxErrors } = self.definition.settings;
  if (errors < maxErrors) return false;
  const last = message === null ? `, and maxErrors is ${maxErrors} now` : `; the last: ${message}`;
  const reason = `${errors} ${errors === 1 ? 'error' : 'errors in a row'}${last}`;
  self.update({ actual: 'failed', reason: reason.slice(0, REASON_CHARS) });
  return true;
}

/** Counts a run that failed through the worker's own fault; false for any other. */
export function account(self: WorkerSelf, result: RunResult): boolean {
  const blamed = isBlamed(result);
  if (blamed) self.update({ errors: self.head.errors + 1 });
  return blamed;
}
