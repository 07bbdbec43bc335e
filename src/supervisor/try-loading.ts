/** Loads new code once, beside whatever runs, to know that it can be loaded: its module body runs, none of its functions does. */
import { RuntimeError } from '../core/errors.ts';
import type { CompiledWorker, WorkerDefinition } from '../workers/definition.ts';
import { loadSpec } from './load-spec.ts';
import { Session } from './session.ts';
import type { SlotServices } from './slot-services.ts';
import { describeError } from './tick-report.ts';

/** @throws RuntimeError CODE_INVALID; CELL_LOST and others when the sandbox could not be had */
export async function tryLoading(
  services: SlotServices,
  definition: WorkerDefinition,
  compiled: CompiledWorker,
): Promise<void> {
  const opened = await Session.open({
    pool: services.pool,
    clock: services.clock,
    signal: new AbortController().signal,
    request: {
      workspace: definition.workspace,
      backend: compiled.language === 'python' ? 'pyodide' : 'isolate',
      // Whatever it does to its cell, nobody else is in there.
      purpose: 'probation',
      spec: loadSpec(definition, compiled, services.dispatcher, []),
    },
    onEntries: () => undefined,
    onIdleLoss: () => undefined,
  });
  switch (opened.kind) {
    case 'loaded':
      return opened.session.close();
    case 'lost':
      if (!opened.loss.culprit)
        throw new RuntimeError('CELL_LOST', `The code could not be tried: ${opened.loss.reason}.`);
      throw new RuntimeError('CODE_INVALID', `Loading the code took its process down: ${opened.loss.reason}.`);
    case 'failed':
      throw new RuntimeError(
        opened.code === 'INTERNAL' ? 'INTERNAL' : 'CODE_INVALID',
        describeError({ ...opened.error, stack: compiled.mapStack(opened.error.stack) }),
      );
  }
}
