/** What a sandbox is told about its worker: the limits of core/limits.ts, the code, the settings, the saved state. */
import type { LoadSpec } from '../../sandbox/protocol.ts';
import type { Dispatcher } from '../bridge/dispatcher.ts';
import {
  CALL_BYTES_PER_TICK_MAX,
  CALL_JSON_BYTES_MAX,
  CALLS_OPEN_MAX,
  CALLS_PER_TICK_MAX,
  LOAD_TIMEOUT_MS,
  LOG_LINE_CHARS_MAX,
  LOG_LINES_PER_10S,
  STATE_LIMITS,
} from '../core/limits.ts';
import type { CompiledWorker, WorkerDefinition } from '../workers/definition.ts';

export function loadSpec(
  definition: WorkerDefinition,
  compiled: CompiledWorker,
  dispatcher: Dispatcher,
  state: LoadSpec['state'],
  /** Adapters that durable calls of it went to: those that are gone say so. */
  acted: readonly string[] = [],
): LoadSpec {
  return {
    worker: `${definition.workspace}/${definition.name}`,
    name: definition.name,
    version: compiled.version,
    language: compiled.language,
    ...(compiled.code === undefined ? {} : { code: compiled.code }),
    ...(compiled.files === undefined ? {} : { files: compiled.files }),
    entry: compiled.entry,
    params: definition.settings.params,
    connected: dispatcher.connected,
    capabilities: dispatcher.capabilities,
    unconnected: acted.length === 0 ? dispatcher.unconnected : dispatcher.unconnectedOf(acted),
    state,
    limits: {
      memoryBytes: definition.settings.memoryBytes,
      loadTimeoutMs: LOAD_TIMEOUT_MS,
      stateKeyBytes: STATE_LIMITS.keyBytesMax,
      stateValueBytes: STATE_LIMITS.valueBytesMax,
      stateTotalBytes: STATE_LIMITS.totalBytesMax,
      stateKeys: STATE_LIMITS.keysMax,
      stateDepth: STATE_LIMITS.depthMax,
      logLineChars: LOG_LINE_CHARS_MAX,
      logLinesPer10s: LOG_LINES_PER_10S,
      callsOpen: CALLS_OPEN_MAX,
      callsPerTick: CALLS_PER_TICK_MAX,
      callJsonBytes: CALL_JSON_BYTES_MAX,
      callBytesPerTick: CALL_BYTES_PER_TICK_MAX,
    },
  };
}
