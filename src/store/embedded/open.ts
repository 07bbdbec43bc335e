/**
 * The embedded default: state and records of one node in one locked folder, each file served by a thread of its own.
 * `state.db` promises (every commit is on the disk before it is acknowledged), `records.db` does not.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CleanupStack } from '../../core/cleanup.ts';
import { RuntimeError } from '../../core/errors.ts';
import { makeFolders } from '../../core/folders.ts';
import { MiB } from '../../core/limits.ts';
import { MODULE_ENDING } from '../../core/module-ending.ts';
import { RECORDS_BYTES_DEFAULT } from '../../core/ranges.ts';
import type { RecordStore, StateStore } from '../contracts.ts';
import { foldRowsWithin } from './disk-quota.ts';
import { lockFolder } from './lock.ts';
import { EmbeddedRecordStore } from './record-client.ts';
import type { RecordDatabaseOptions } from './record-database.ts';
import { EmbeddedStateStore } from './state-client.ts';
import type { StoreLog } from './store-thread.ts';

/** The same as `RetentionOptions` of the runtime; defaults are there. */
export interface EmbeddedRetention {
  readonly ticksPerWorker?: number;
  readonly failedTickDays?: number;
  readonly logBytes?: number;
  readonly logDays?: number;
  readonly diskBytes?: number;
}

export interface EmbeddedOptions {
  /** Created if missing, for this user only. */
  readonly dataDir: string;
  readonly retention?: EmbeddedRetention;
  readonly log: StoreLog;
}

export interface EmbeddedStores {
  readonly state: StateStore;
  readonly records: RecordStore;
  /** Finishes what was asked for, closes both files and gives the folder back. */
  close(): Promise<void>;
}

/** Rejects with DATA_LOCKED, naming the node that uses the folder, or with DATA_UNUSABLE, saying what to do. */
export function openEmbeddedStores(options: EmbeddedOptions): Promise<EmbeddedStores> {
  return openFolder(options, async (cleanup) => {
    const state = await openState(options, cleanup);
    return { state, records: await openRecords(options, cleanup) };
  });
}

/** The records alone, where the state is kept elsewhere. The folder is locked all the same, and the errors are the same. */
export function openEmbeddedRecords(options: EmbeddedOptions): Promise<Omit<EmbeddedStores, 'state'>> {
  return openFolder(options, async (cleanup) => ({ records: await openRecords(options, cleanup) }));
}

async function openFolder<Stores>(
  { dataDir }: EmbeddedOptions,
  open: (cleanup: CleanupStack) => Promise<Stores>,
): Promise<Stores & Pick<EmbeddedStores, 'close'>> {
  createFolder(dataDir);
  const cleanup = new CleanupStack();
  try {
    const lock = lockFolder(dataDir);
    cleanup.push('the lock of the data folder', () => lock.release());
    const stores = await open(cleanup);
    let closed: Promise<void> | undefined;
    const close = (): Promise<void> => {
      closed ??= cleanup.closeAll();
      return closed;
    };
    return { ...stores, close };
  } catch (thrown) {
    await cleanup.closeAll();
    throw thrown;
  }
}

async function openState({ dataDir, log }: EmbeddedOptions, cleanup: CleanupStack): Promise<StateStore> {
  const file = join(dataDir, 'state.db');
  const state = await EmbeddedStateStore.open({ spawn: () => spawn('state-thread', { file }), log });
  cleanup.push('the state store', () => state.close());
  return state;
}

async function openRecords({ dataDir, retention, log }: EmbeddedOptions, cleanup: CleanupStack): Promise<RecordStore> {
  const diskBytes = retention?.diskBytes ?? RECORDS_BYTES_DEFAULT;
  const recordOptions: RecordDatabaseOptions = {
    file: join(dataDir, 'records.db'),
    ticksPerWorker: retention?.ticksPerWorker ?? 1_000,
    failedTickDays: retention?.failedTickDays ?? 30,
    keptPerWorker: 10_000,
    foldRows: foldRowsWithin(diskBytes),
    logBytes: retention?.logBytes ?? 256 * MiB,
    logDays: retention?.logDays ?? 30,
    diskBytes,
  };
  const records = await EmbeddedRecordStore.open({ spawn: () => spawn('record-thread', recordOptions), log });
  cleanup.push('the record store', () => records.close());
  return records;
}

function createFolder(dataDir: string): void {
  try {
    makeFolders(dataDir, 0o700);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new RuntimeError('DATA_UNUSABLE', `the data folder ${dataDir} cannot be created (${reason}).`, {
      cause: thrown,
    });
  }
}

/** The threads need nothing of the environment. */
function spawn(name: 'state-thread' | 'record-thread', workerData: unknown): Worker {
  return new Worker(new URL(`./${name}${MODULE_ENDING}`, import.meta.url), { workerData, env: {}, name });
}
