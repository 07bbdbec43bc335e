/** From a valid {@link Config} to what the engine takes: absolute paths, one schedule per worker, names without clash. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { RuntimeOptions, WorkerOptions } from '../runtime.ts';
import { ENDINGS_HELP, findWorkerFile, listWorkerFiles, workerNameOf } from './discover.ts';
import { type ConfigProblem, formatPath, formatProblem } from './problems.ts';
import { checkStores, storeOptions } from './resolve-stores.ts';
import { decideSchedule } from './schedule.ts';
import type { Config, ConfigWorker } from './schema.ts';
import type { ConfigSource, Path } from './source.ts';

export interface ConfiguredWorker {
  readonly options: WorkerOptions & { readonly workspace: string };
  /** False: deployed and kept, but not running. */
  readonly enabled: boolean;
}

export interface SidecarOptions {
  readonly name: string;
  readonly command: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  /** Asked until it answers with 2xx. */
  readonly ready: string | undefined;
  readonly readyTimeoutMs: number;
}

/** A configuration file, resolved: nothing of it depends on where the process runs or on the environment any more. */
export interface LoadedConfig {
  /** Absolute. */
  readonly file: string;
  readonly options: RuntimeOptions;
  readonly workers: readonly ConfiguredWorker[];
  readonly sidecars: readonly SidecarOptions[];
}

export type Resolved =
  | { readonly kind: 'ok'; readonly loaded: Omit<LoadedConfig, 'file'> }
  | { readonly kind: 'invalid'; readonly problems: readonly ConfigProblem[] };

/** `folder` is the folder of the configuration file; `wrong` are paths whose values were left out as wrong. */
export function resolveConfig(
  config: Config,
  source: ConfigSource,
  folder: string,
  wrong: ReadonlySet<string>,
): Resolved {
  const problems = new Map<string, ConfigProblem>();
  const report = (path: Path, message: string, place: 'key' | 'value' = 'value') => {
    const problem = source.problemAt(path, message, place);
    problems.set(formatProblem(problem), problem);
  };
  const isWrong: IsWrong = (...path) => wrong.has(formatPath(path));
  const workers = resolveWorkers(config, folder, report, isWrong);
  const sidecars = resolveSidecars(config, folder, report, isWrong);
  checkStores(config, report, isWrong);
  if (problems.size > 0) return { kind: 'invalid', problems: [...problems.values()] };
  return { kind: 'ok', loaded: { options: runtimeOptions(config, folder), workers, sidecars } };
}

export type Report = (path: Path, message: string, place?: 'key' | 'value') => void;
/** Was the value at this path left out, or replaced by a stand-in? Nothing more is to be said about it. */
export type IsWrong = (...path: Path) => boolean;

function resolveWorkers(config: Config, folder: string, report: Report, isWrong: IsWrong): ConfiguredWorker[] {
  const namesNone = !isWrong('workers') && !isWrong('workersFolder');
  if (namesNone && config.workers.length === 0 && config.workersFolder === undefined) {
    report([], 'no worker is configured; list some under workers or name a workersFolder');
  }
  const workers: ConfiguredWorker[] = [];
  const takenBy = new Map<string, string>();
  const add = (given: ConfigWorker, file: string, path: Path) => {
    const worker = resolveWorker(given, file, config, path, report);
    workers.push(worker);
    // Its name is not the one that was meant.
    if (isWrong(...path, 'name') || isWrong(...path, 'workspace') || isWrong('defaults', 'workspace')) return;
    const id = `${worker.options.workspace}/${worker.options.name}`;
    const other = takenBy.get(id);
    if (other === undefined) takenBy.set(id, given.file);
    else report(given.name === undefined ? path : [...path, 'name'], nameTaken(worker.options.name, other, given.file));
  };

  const listed = new Set<string>();
  for (const [index, given] of config.workers.entries()) {
    if (isWrong('workers', index)) continue;
    if (isWrong('workers', index, 'file')) {
      resolveWorker(given, given.file, config, ['workers', index], report);
      continue;
    }
    const found = findWorkerFile(resolve(folder, given.file));
    const file = 'file' in found ? found.file : resolve(folder, given.file);
    if ('error' in found) report(['workers', index, 'file'], found.error);
    listed.add(file);
    add(given, file, ['workers', index]);
  }
  if (config.workersFolder === undefined) return workers;
  const files = listWorkerFiles(resolve(folder, config.workersFolder));
  if (files === undefined) report(['workersFolder'], 'there is no such folder; its path is relative to this file');
  else if (files.length + config.workers.length === 0)
    report(['workersFolder'], `the folder has no worker; put a ${ENDINGS_HELP} file into it`);
  for (const file of files ?? []) if (!listed.has(file)) add({ file }, file, ['workersFolder']);
  return workers;
}

function nameTaken(name: string, first: string, second: string): string {
  return `the name ${name} is taken by another worker (${first}); give ${second} a name of its own`;
}

function resolveWorker(
  given: ConfigWorker,
  file: string,
  config: Config,
  path: Path,
  report: Report,
): ConfiguredWorker {
  const { defaults } = config;
  const { schedule, findings } = decideSchedule(given, defaults, config.schedule.minInterval);
  for (const finding of findings)
    report([...(finding.in === 'worker' ? path : ['defaults']), finding.key], finding.message);
  const memoryBytes = given.memory ?? defaults.memory;
  const cpuLimitMs = given.cpu ?? defaults.cpu;
  const params = given.params ?? defaults.params;
  return {
    enabled: given.enabled ?? defaults.enabled,
    options: {
      name: given.name ?? workerNameOf(file),
      workspace: given.workspace ?? defaults.workspace,
      source: { kind: 'file', file },
      schedule,
      maxErrors: given.maxErrors ?? defaults.maxErrors,
      params: params === undefined ? {} : params,
      tickTimeoutMs: given.timeout ?? defaults.timeout,
      setupTimeoutMs: given.setupTimeout ?? defaults.setupTimeout,
      onErrorTimeoutMs: given.onErrorTimeout ?? defaults.onErrorTimeout,
      isolation: given.isolation ?? defaults.isolation,
      ...(cpuLimitMs === undefined ? {} : { cpuLimitMs }),
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
    },
  };
}

function resolveSidecars(config: Config, folder: string, report: Report, isWrong: IsWrong): SidecarOptions[] {
  const names = new Set<string>();
  return config.sidecars.map((given, index) => {
    const cwd = resolve(folder, given.cwd);
    const named = !isWrong('sidecars', index) && !isWrong('sidecars', index, 'name');
    if (named && names.has(given.name))
      report(['sidecars', index, 'name'], `the name ${given.name} is taken by another sidecar`);
    if (named) names.add(given.name);
    if (statSync(cwd, { throwIfNoEntry: false })?.isDirectory() !== true) {
      report(['sidecars', index, 'cwd'], 'there is no such folder; its path is relative to this file');
    }
    return { name: given.name, command: given.command, cwd, ready: given.ready, readyTimeoutMs: given.readyTimeout };
  });
}

function runtimeOptions(config: Config, folder: string): RuntimeOptions {
  const { http, cells, sandbox, retention, schedule } = config;
  return {
    dataDir: resolve(folder, config.data),
    http: {
      allowPrivate: http.allowPrivate,
      timeoutMs: http.timeout,
      responseBytesMax: http.responseMax,
      concurrentPerWorker: http.concurrentPerWorker,
    },
    cells: {
      max: cells.max,
      memoryBytes: cells.memory,
      workersPerCell: cells.workersPerCell,
      ageMsMax: cells.maxAge,
      runsMax: cells.maxRuns,
      ...(cells.residentPython === undefined ? {} : { residentPython: cells.residentPython }),
    },
    sandbox,
    retention: {
      ticksPerWorker: retention.ticksPerWorker,
      failedTickDays: retention.failedTickDays,
      logBytes: retention.logSize,
      logDays: retention.logDays,
      diskBytes: retention.diskSize,
    },
    minIntervalMs: schedule.minInterval,
    spread: schedule.spread,
    ...storeOptions(config, folder),
  };
}
