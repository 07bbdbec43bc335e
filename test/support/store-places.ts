/**
 * Places in which a store can be opened, closed and opened again. A new implementation is added to the two lists at the
 * end, and the whole contract runs against it.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { RecordStore, StateStore } from '../../src/store/contracts.ts';
import { type EmbeddedStores, openEmbeddedStores } from '../../src/store/embedded/open.ts';
import { MemoryRecordStore, MemoryStateStore } from '../../src/store/memory.ts';
import { postgresState } from './postgres-places.ts';
import { redisState } from './redis-places.ts';
import { syncedState } from './synced-places.ts';
import { createTempFolder } from './temp-folder.ts';

export interface StatePlace {
  /** One store at a time; what an earlier one stored is there where the place is durable. */
  open(): Promise<StateStore>;
  /** Sets epoch and revision of a worker that exists. While no store is open. */
  plant(worker: string, epoch: bigint, revision: bigint): Promise<void>;
  dispose(): Promise<void>;
}

export interface RecordPlace {
  open(retention?: { ticksPerWorker: number }): Promise<RecordStore>;
  dispose(): Promise<void>;
}

export interface Implementation<Place> {
  readonly name: string;
  /** Does what was stored outlive the store? */
  readonly durable: boolean;
  create(): Promise<Place>;
}

/** Closing the one store gives the folder back, as the engine does with both. */
function closingAll<Store extends { close(): Promise<void> }>(store: Store, stores: EmbeddedStores): Store {
  const close = store.close.bind(store);
  let closing = false;
  store.close = async () => {
    // Closing the stores comes back to this one.
    if (closing) return close();
    closing = true;
    await close();
    await stores.close();
  };
  return store;
}

const embeddedState: Implementation<StatePlace> = {
  name: 'embedded',
  durable: true,
  async create() {
    const folder = await createTempFolder();
    return {
      async open() {
        const stores = await openEmbeddedStores({ dataDir: folder.path, log: () => {} });
        return closingAll(stores.state, stores);
      },
      async plant(worker, epoch, revision) {
        const database = new DatabaseSync(join(folder.path, 'state.db'));
        database.prepare('UPDATE workers SET epoch = ?, revision = ? WHERE worker = ?').run(epoch, revision, worker);
        database.close();
      },
      dispose: () => folder.remove(),
    };
  },
};

const memoryState: Implementation<StatePlace> = {
  name: 'memory',
  durable: false,
  async create() {
    const planted: { worker: string; epoch: bigint; revision: bigint }[] = [];
    return {
      open: async () => new MemoryStateStore(planted),
      async plant(worker, epoch, revision) {
        planted.push({ worker, epoch, revision });
      },
      async dispose() {},
    };
  },
};

const embeddedRecords: Implementation<RecordPlace> = {
  name: 'embedded',
  durable: true,
  async create() {
    const folder = await createTempFolder();
    return {
      async open(retention) {
        const stores = await openEmbeddedStores({
          dataDir: folder.path,
          log: () => {},
          ...(retention === undefined ? {} : { retention }),
        });
        return closingAll(stores.records, stores);
      },
      dispose: () => folder.remove(),
    };
  },
};

const memoryRecords: Implementation<RecordPlace> = {
  name: 'memory',
  durable: false,
  async create() {
    return { open: async (retention) => new MemoryRecordStore(retention), async dispose() {} };
  },
};

export const STATE_STORES: readonly Implementation<StatePlace>[] = [
  memoryState,
  embeddedState,
  postgresState,
  redisState,
  syncedState('redis'),
  syncedState('postgres'),
];
export const RECORD_STORES: readonly Implementation<RecordPlace>[] = [memoryRecords, embeddedRecords];
