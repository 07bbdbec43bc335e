import { randomBytes } from 'node:crypto';
import { migrate } from '../../src/store/postgres/migrations.ts';
import { PostgresPool } from '../../src/store/postgres/postgres-pool.ts';
import { PostgresStateStore } from '../../src/store/postgres/postgres-state-store.ts';
import type { Implementation, StatePlace } from './store-places.ts';

const URL = process.env['TEST_PG'] ?? 'postgres://postgres@127.0.0.1:55432/postgres';

export const postgresState: Implementation<StatePlace> = {
  name: 'Postgres',
  durable: true,
  async create() {
    const schema = `t_${randomBytes(6).toString('hex')}`;
    const options = { url: URL, schema };
    const own = new PostgresPool({ ...options, pool: 2 }, () => undefined);
    await migrate(own);
    return {
      async open() {
        const pool = new PostgresPool(options, () => undefined);
        const store = new PostgresStateStore({ pool, lease: null });
        const close = store.close.bind(store);
        store.close = async () => {
          await close();
          await pool.close();
        };
        return store;
      },
      async plant(worker, epoch, revision) {
        const text = `UPDATE "${schema}".workers SET epoch = $2, written_epoch = $2, revision = $3 WHERE worker = $1`;
        await own.query('plant', text, [worker, epoch, revision]);
      },
      async dispose() {
        await own.raw.query(`DROP SCHEMA "${schema}" CASCADE`);
        await own.close();
      },
    };
  },
};
