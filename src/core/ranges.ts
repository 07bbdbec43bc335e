/** What an operator may set, smallest and largest: the same in the configuration file and in options of `createRuntime`. */
import { INTERVAL_MS_MAX, KiB, MiB } from './limits.ts';

const GiB = 1024 * MiB;

export type Range = readonly [min: number, max: number];

export const RANGES = {
  /** Time limits of calls, requests and sidecars. */
  timeoutMs: [10, 3_600_000],
  maxErrors: [1, 1_000_000],
  /** What `minIntervalMs` (`schedule.minInterval`) may be. */
  minIntervalMs: [10, INTERVAL_MS_MAX],
  responseBytes: [KiB, 64 * MiB],
  requestsPerWorker: [1, 1_000],
  cells: [1, 10_000],
  cellBytes: [64 * MiB, 64 * GiB],
  javascriptPerCell: [1, 10_000],
  pythonPerCell: [1, 1_000],
  residentPython: [1, 10_000],
  ticksPerWorker: [1, 10_000_000],
  failedTickDays: [0, 3_650],
  logBytes: [MiB, 1024 * GiB],
  logDays: [1, 3_650],
  diskBytes: [64 * MiB, 1024 * GiB],
} as const satisfies Record<string, Range>;

/** Ticks, minutes and logs of all workers together, on disk. */
export const RECORDS_BYTES_DEFAULT = GiB;

export const HOST_PORT_PATTERN = /^(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):\d{1,5}$/;
export const HOST_PORT_HELP = 'write host:port, such as 127.0.0.1:8080';
