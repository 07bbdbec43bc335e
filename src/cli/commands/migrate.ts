/** `runtime migrate`: the tables in Postgres, before any node is started. */
import type { Environment } from '../../config/environment.ts';
import { displayPath, loadConfig } from '../../config/load.ts';
import { RuntimeError } from '../../core/errors.ts';
import { migratePostgres } from '../../index.ts';
import type { Output } from '../output.ts';

/** Exit code of a check that found something to do. */
const EXIT_PENDING = 1;

export async function migrateCommand(
  { config: file, check }: { readonly config: string; readonly check: boolean },
  output: Output,
  environment: Environment,
): Promise<number> {
  const { options, file: found } = loadConfig(file, environment);
  if (options.postgres === undefined)
    throw new RuntimeError(
      'CONFIG_INVALID',
      `${displayPath(found)} has no postgres: state is kept in the data folder, where nothing has to be migrated.`,
    );
  const { migrations, where } = await migratePostgres(options.postgres, { checkOnly: check });
  if (output.json) output.data({ kind: 'migrate', check, migrations, postgres: where });
  else if (migrations.length === 0) output.line(`Postgres at ${where} has every table; nothing is to do`);
  else for (const name of migrations) output.line(`${check ? 'missing' : 'applied'}  ${name}`);
  return check && migrations.length > 0 ? EXIT_PENDING : 0;
}
