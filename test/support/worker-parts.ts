/** A worker's definition and code for tests that need no sandbox. */
import type { CompiledWorker, Language, WorkerDefinition, WorkerSettings } from '../../src/workers/definition.ts';

export interface PartOptions extends Partial<WorkerSettings> {
  readonly language?: Language;
}

export function settingsOf({ language = 'javascript', ...settings }: PartOptions): {
  definition: WorkerDefinition;
  compiled: CompiledWorker;
} {
  return {
    definition: {
      workspace: 'default',
      name: 'w',
      source: { kind: 'files', entry: 'w.js', files: [] },
      settings: {
        schedule: { kind: 'interval', intervalMs: 1_000 },
        maxErrors: 5,
        params: {},
        tickTimeoutMs: 60_000,
        setupTimeoutMs: 60_000,
        onErrorTimeoutMs: 10_000,
        cpuLimitMs: null,
        memoryBytes: 64 * 1024 * 1024,
        isolation: 'shared',
        ...settings,
      },
    },
    compiled: {
      language,
      version: 'v1',
      entry: 'w.js',
      setupBindsGlobals: false,
      mapStack: (stack) => stack,
      mapLogText: (text) => text,
      mapLogFields: (json) => json,
    },
  };
}
