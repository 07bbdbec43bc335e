/** What a lost sandbox costs a worker: the variables of its module, which some fill in `setup` and need. */
import type { LoadReport } from '../../sandbox/protocol.ts';
import type { WorkerSelf } from './worker-self.ts';

/** May lose its globals between two ticks without noticing. */
export function isRecyclable(report: LoadReport | null | undefined, self: WorkerSelf): boolean {
  if (report?.functions.includes('resume') === true) return true;
  return !(report?.setupBindsGlobals === true || self.compiled.setupBindsGlobals);
}

/** Told once per start. */
export function adviseOnGlobals(self: WorkerSelf, report: LoadReport | null): void {
  const { head, calls } = self;
  const isStart = head.setupDone !== head.startId;
  if (!isStart || isRecyclable(report, self) || report?.functions.includes('setup') !== true) return;
  const text =
    'setup binds globals and there is no resume(ctx): after a lost process setup will run again. Keep what must last in ctx.state, or define resume(ctx).';
  calls.log('warn', text, null);
}
