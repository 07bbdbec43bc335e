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
  cellAgeMs: [1_000, 2_592_000_000],
  cellRuns: [1, 1_000_000_000_000],
  javascriptPerCell: [1, 10_000],
  pythonPerCell: [1, 1_000],
  residentPython: [1, 10_000],
  ticksPerWorker: [1, 10_000_000],
  failedTickDays: [0, 3_650],
  logBytes: [MiB, 1024 * GiB],
  logDays: [1, 3_650],
  diskBytes: [64 * MiB, 1024 * GiB],
  poolSize: [3, 200],
  checkpointMs: [50, 600_000],
  unsyncedMs: [1_000, 86_400_000],
  leaseMs: [2_000, 600_000],
  durableWindowMs: [500, 600_000],
} as const satisfies Record<string, Range>;

/** Ticks, minutes and logs of all workers together, on disk. */
export const RECORDS_BYTES_DEFAULT = GiB;

/** A schema of Postgres that needs no quotes. */
export const SCHEMA_PATTERN = /^[a-z_][a-z0-9_]{0,62}$/;
export const SCHEMA_HELP = 'write up to 63 small letters, digits and underscores, not beginning with a digit';
/** Which server it is; the client says what is wrong with the rest. */
export const POSTGRES_URL_PATTERN = /^postgres(ql)?:\/\/./;
export const POSTGRES_URL_HELP = 'write postgres://user:password@host:5432/database';
export const REDIS_URL_PATTERN = /^rediss?(\+sentinel|\+cluster)?:\/\/./;
export const REDIS_URL_HELP =
  'write redis://user:password@host:6379, rediss:// for TLS, redis+sentinel:// or redis+cluster://';
/** What begins the keys in Redis. */
export const PREFIX_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9:._-]{0,62}$/;
export const PREFIX_HELP = 'write up to 63 letters, digits, colons, dots, dashes and underscores';

export const HOST_PORT_PATTERN = /^(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):\d{1,5}$/;
export const HOST_PORT_HELP = 'write host:port, such as 127.0.0.1:8080';
