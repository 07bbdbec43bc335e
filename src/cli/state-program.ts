/** The command line of `runtime state` and `runtime migrate`. */
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { Environment } from '../config/environment.ts';
import type { StateContext } from './commands/state.ts';
import type { Output } from './output.ts';

interface CommonOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly color: boolean;
}

interface ImportFlags {
  readonly file: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

export interface StateProgram {
  /** Adds what commands with a configuration have in common. */
  readonly withCommon: (command: Command) => Command;
  readonly run: (options: CommonOptions, action: (output: Output) => Promise<number>) => Promise<void>;
  readonly environment: Environment;
}

const STATE_HELP = `
Where a node runs with this data folder it is asked, and a running worker takes a change between two ticks. Otherwise the
stores are opened here, and no worker is started.

Examples:
  runtime state list
  runtime state get counter count
  runtime state set counter count 5
  runtime state export counter --file counter.json
  runtime state import counter --file counter.json --dry-run
  runtime state diff counter                 between the copies in Redis and Postgres
  runtime state resolve counter --take redis after a STATE_CONFLICT`;

const MIGRATE_HELP = `
A start does the same unless postgres.migrate is false.

Examples:
  runtime migrate
  runtime migrate --check                    exit code 1 when something is missing`;

export function addStateCommands(program: Command, { withCommon, run, environment }: StateProgram): void {
  const state = program
    .command('state')
    .description('look at the state of workers and change it, whether they run or not')
    .addHelpText('after', STATE_HELP);

  const action = (options: CommonOptions, work: (context: StateContext) => Promise<number>): Promise<void> =>
    run(options, async (output) => {
      const { withState } = await import('./commands/state.ts');
      return withState(options.config, output, environment, work);
    });
  const add = (text: string, description: string): Command => withCommon(state.command(text)).description(description);

  add('list [name]', 'all workers, or the keys of one with their sizes').action(
    (name: string | undefined, options: CommonOptions) =>
      action(options, async (context) => {
        const { listAll, listKeys } = await import('./commands/state.ts');
        return name === undefined ? listAll(context) : listKeys(context, name);
      }),
  );
  add('get <name> <key>', 'print one value as it is stored').action(
    (name: string, key: string, options: CommonOptions) =>
      action(options, async (context) => (await import('./commands/state.ts')).getValue(context, name, key)),
  );
  add('set <name> <key> <json>', 'write one value')
    .option('--string', 'the value is plain text, not JSON')
    .action((name: string, key: string, text: string, options: CommonOptions & { string?: boolean }) =>
      action(options, async (context) => {
        const { setValue } = await import('./commands/state.ts');
        return setValue(context, name, key, options.string === true ? JSON.stringify(text) : text.trim());
      }),
    );
  add('delete <name> [key...]', 'delete keys')
    .option('--all', 'every key')
    .action((name: string, keys: string[], options: CommonOptions & { all?: boolean }, command: Command) => {
      if ((options.all === true) === keys.length > 0)
        command.error('error: name the keys to delete, or give --all', { exitCode: 2 });
      return action(options, async (context) => {
        const { deleteAll, deleteKeys } = await import('./commands/state.ts');
        return options.all === true ? deleteAll(context, name) : deleteKeys(context, name, keys);
      });
    });
  add('rename <old> <new>', 'give the state of a worker that does not run another name').action(
    (old: string, name: string, options: CommonOptions) =>
      action(options, async (context) => (await import('./commands/state.ts')).renameState(context, old, name)),
  );
  add('export <name>', 'the whole state as JSON that keeps every digit')
    .option('--file <file>', 'write it there instead of to the output')
    .action((name: string, options: CommonOptions & { file?: string }) =>
      action(options, async (context) =>
        (await import('./commands/state-files.ts')).exportState(context, name, options.file),
      ),
    );
  add('import <name>', 'replace the whole state by an exported one, of this or another worker')
    .requiredOption('--file <file>', 'what `state export` has written; - for standard input')
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'only show what would change')
    .action((name: string, options: CommonOptions & ImportFlags, command: Command) => {
      const { file, yes = false, dryRun = false } = options;
      if (!yes && !dryRun && !process.stdin.isTTY)
        command.error('error: nobody can be asked here; give --yes to replace the state, or --dry-run to look only', {
          exitCode: 2,
        });
      return action(options, async (context) => {
        const { importState } = await import('./commands/state-files.ts');
        return importState(context, name, { file, yes, dryRun });
      });
    });
  add(
    'diff <name>',
    'compare the copies in Redis and Postgres, or a file with what is stored; exit code 1 if they differ',
  )
    .option('--file <file>', 'an exported state')
    .action((name: string, options: CommonOptions & { file?: string }) =>
      action(options, async (context) =>
        (await import('./commands/state-files.ts')).diffState(context, name, options.file),
      ),
    );
  add('resolve <name>', 'make one of two copies the state in both; the other one is kept as a file')
    .addOption(
      new Option('--take <copy>', 'redis or postgres').makeOptionMandatory().argParser((value) => {
        if (value === 'redis' || value === 'postgres') return value;
        throw new InvalidArgumentError('It is redis or postgres.');
      }),
    )
    .option('--force', 'take it although it does not match its checksum')
    .action((name: string, options: CommonOptions & { take: 'redis' | 'postgres'; force?: boolean }) =>
      action(options, async (context) => {
        const { resolveState } = await import('./commands/state-files.ts');
        return resolveState(context, name, { take: options.take, force: options.force === true });
      }),
    );

  withCommon(program.command('migrate'))
    .description('make or update the tables in Postgres')
    .option('--check', 'change nothing; exit code 1 when something is missing')
    .addHelpText('after', MIGRATE_HELP)
    .action((options: CommonOptions & { check?: boolean }) =>
      run(options, async (output) => {
        const { migrateCommand } = await import('./commands/migrate.ts');
        return migrateCommand({ config: options.config, check: options.check === true }, output, environment);
      }),
    );
}
