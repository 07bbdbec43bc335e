/** Loads new code once, beside whatever runs, to know that it can be loaded: its module body runs, none of its functions does. */
import { RuntimeError, toRuntimeError } from '../core/errors.ts';
import type { CodeProblem, CompiledWorker, WorkerDefinition } from '../workers/definition.ts';
import type { CellPurpose } from './cell-seats.ts';
import { loadProblem, lossProblem } from './load-problem.ts';
import { loadSpec } from './load-spec.ts';
import { type OpenResult, Session } from './session.ts';
import type { SlotServices } from './slot-services.ts';
import { describeError } from './tick-report.ts';

/** @throws RuntimeError CODE_INVALID; CELL_LOST and others when the sandbox could not be had */
export async function tryLoading(
  services: SlotServices,
  definition: WorkerDefinition,
  compiled: CompiledWorker,
): Promise<void> {
  // Whatever it does to its cell, nobody else is in there.
  const open = (purpose: CellPurpose = 'probation'): Promise<OpenResult> =>
    openOnce(services, definition, compiled, purpose);
  let opened = await open().catch((error: unknown) => {
    const { code } = toRuntimeError(error);
    // Cells are an ordinary loss: the trial is made once more.
    if (code === 'CELL_START_FAILED') return open();
    // Where there is no cell to spare, it goes where any new worker goes.
    if (code === 'CELLS_EXHAUSTED') return open('shared');
    throw error;
  });
  if (opened.kind === 'lost' && !opened.loss.culprit) opened = await open();
  switch (opened.kind) {
    case 'loaded':
      return opened.session.close();
    case 'lost':
      if (!opened.loss.culprit)
        throw new RuntimeError('CELL_LOST', `The code could not be tried: ${opened.loss.reason}.`);
      throw invalid(null, lossProblem(opened.loss.reason, compiled.entry));
    case 'failed': {
      const error = { ...opened.error, stack: compiled.mapStack(opened.error.stack) };
      if (opened.code === 'INTERNAL') throw new RuntimeError('INTERNAL', describeError(error));
      throw invalid(describeError(error), loadProblem(error, compiled.entry));
    }
  }
}

function invalid(described: string | null, problem: CodeProblem): RuntimeError {
  return new RuntimeError('CODE_INVALID', described ?? problem.message, { details: { problems: [problem] } });
}

function openOnce(
  services: SlotServices,
  definition: WorkerDefinition,
  compiled: CompiledWorker,
  purpose: CellPurpose,
): Promise<OpenResult> {
  return Session.open({
    pool: services.pool,
    turns: services.turns,
    clock: services.clock,
    signal: new AbortController().signal,
    request: {
      workspace: definition.workspace,
      backend: compiled.language === 'python' ? 'pyodide' : 'isolate',
      purpose,
      spec: loadSpec(definition, compiled, services.dispatcher, []),
    },
    onEntries: () => undefined,
    onIdleLoss: () => undefined,
  });
}
