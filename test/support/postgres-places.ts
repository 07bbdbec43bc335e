import { migrate } from '../../src/store/postgres/migrations.ts';
import { PostgresPool } from '../../src/store/postgres/postgres-pool.ts';
import { PostgresStateStore } from '../../src/store/postgres/postgres-state-store.ts';
import { sharedPostgres } from './servers.ts';
import type { Implementation, StatePlace } from './store-places.ts';

export const postgresState: Implementation<StatePlace> = {
  name: 'Postgres',
  durable: true,
  async create() {
    const { url, drop } = await sharedPostgres();
    const own = new PostgresPool({ url, poolSize: 3 }, () => undefined);
    await migrate(own);
    return {
      async open() {
        const pool = new PostgresPool({ url }, () => undefined);
        const store = new PostgresStateStore({ pool, group: 'default', lease: null });
        const close = store.close.bind(store);
        store.close = async () => {
          await close();
          await pool.close();
        };
        return store;
      },
      async plant(worker, epoch, revision) {
        const text = 'UPDATE tick_runtime.workers SET epoch = $2, written_epoch = $2, revision = $3 WHERE worker = $1';
        await own.query('plant', text, [worker, epoch, revision]);
      },
      async dispose() {
        await own.close();
        await drop();
      },
    };
  },
};
