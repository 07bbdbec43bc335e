/** Makes the tables in the database of the given URL, to be killed meanwhile. */
import { migrate } from '../../src/store/postgres/migrations.ts';
import { PostgresPool } from '../../src/store/postgres/postgres-pool.ts';
import { say } from './say.ts';

const [url = ''] = process.argv.slice(2);
const pool = new PostgresPool({ url, poolSize: 3 }, () => undefined);
const { applied } = await migrate(pool);
say(JSON.stringify(applied));
await pool.close();
