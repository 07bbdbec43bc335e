/** The command line: which commands there are, what they take, and how they end. Each command's code is loaded when it is asked for. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { readEnvironment } from '../config/environment.ts';
import { EXIT_USAGE, reportFailure } from './failure.ts';
import { createOutput, type Output } from './output.ts';
import { packageVersion } from './package.ts';
import { addStateCommands } from './state-program.ts';

const DEFAULT_CONFIG = 'runtime.yaml';

const ROOT_HELP = `
Examples:
  runtime init my-bots                   a commented configuration and two first workers
  cd my-bots && runtime start            run them; Ctrl-C stops, the next start goes on from the saved state
  runtime start --config other.yaml --quiet
  runtime status                         how the running node stands
  runtime state list                     what is kept for the workers
  runtime config check                   check the configuration and the code of every worker

Exit codes:
  0  ended in order
  1  unexpected error, or what was asked for differs or is missing
  2  wrong command line, configuration or worker code; no node runs
  3  no Node 26
  4  data folder, Postgres or Redis in use or unusable; the running node does not answer; after a stop: not everything is
     stored
  5  a helper process or cell failed
  6  another node took the workers over

More about a command: runtime help start`;

const START_HELP = `
Every tick, log line, change of state, and step in the life of workers and cells is one line. The first Ctrl-C (or
SIGTERM) lets ticks in flight end for up to 10 s and saves every state; another one ends at once.

Examples:
  runtime start                                    with ./runtime.yaml
  runtime start --config bots/runtime.yaml
  runtime start --json | jq 'select(.kind == "tick" and .outcome != "ok")'
  runtime start --restart-failed                   also start workers that failed at their error limit`;

const STATUS_HELP = `
Asks the node that runs with this data folder. Exit code 0 when it answers, however it stands, 2 when no node runs, and 4
when one runs and does not answer within 5 s.

Examples:
  runtime status
  runtime status --json | jq .store.lag      null while Postgres has what it should`;

const CHECK_HELP = `
Reads the configuration as start does, and compiles and loads every worker once: its top level runs, setup and tick do
not. All problems come at once, with file, line and column.

Examples:
  runtime config check
  runtime config check --config bots/runtime.yaml --json`;

const SCHEMA_HELP = `
Examples:
  runtime config schema > runtime.schema.json
and as the first line of runtime.yaml:
  # yaml-language-server: $schema=./runtime.schema.json`;

interface CommonOptions {
  readonly json?: boolean;
  readonly color: boolean;
}

interface RunOptions extends CommonOptions {
  readonly live?: boolean;
  readonly config?: string;
}

type Action = (output: Output) => Promise<number>;

/** Runs one command line and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  const environment = readEnvironment();
  let output = createOutput();
  let code = 0;
  let config = DEFAULT_CONFIG;
  const run = async (options: RunOptions, action: Action) => {
    config = options.config ?? DEFAULT_CONFIG;
    output = createOutput({ json: options.json === true, color: options.color, live: options.live === true });
    code = await action(output);
  };
  try {
    await buildProgram(run, environment).parseAsync(argv, { from: 'user' });
  } catch (error) {
    // Commander has printed its message; help and version come this way too, with exit code 0.
    if (error instanceof CommanderError) code = error.exitCode === 0 ? 0 : EXIT_USAGE;
    else code = reportFailure(error, output, config === DEFAULT_CONFIG ? undefined : config);
  }
  await output.flush();
  process.exit(code);
}

type Run = (options: RunOptions, action: Action) => Promise<void>;

function buildProgram(run: Run, environment: ReturnType<typeof readEnvironment>): Command {
  const program = new Command('runtime')
    .description(
      'Keeps small sandboxed programs in Python, JavaScript and TypeScript ticking, with state that survives.',
    )
    .version(`tick-runtime ${packageVersion()}, Node ${process.versions.node}`, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', ROOT_HELP)
    .showHelpAfterError('See: runtime --help')
    .exitOverride();

  withCommon(program.command('start'))
    .description('start every worker of a configuration and show what happens')
    .option('-q, --quiet', 'show problems only')
    .option('--restart-failed', 'also start workers that failed in an earlier start')
    .addHelpText('after', START_HELP)
    .action((options: CommonOptions & { config: string; quiet?: boolean; restartFailed?: boolean }) =>
      run({ ...options, live: true }, async (output) => {
        const { startCommand } = await import('./commands/start.ts');
        const { config, quiet = false, restartFailed = false } = options;
        return startCommand({ config, quiet, restartFailed }, output, environment);
      }),
    );

  withCommon(program.command('status'))
    .description('how the running node stands: who has the workers, what Postgres lacks, which workers are not well')
    .addHelpText('after', STATUS_HELP)
    .action((options: CommonOptions & { config: string }) =>
      run(options, async (output) => {
        const { statusCommand } = await import('./commands/status.ts');
        return statusCommand(options.config, output, environment);
      }),
    );

  program
    .command('init')
    .argument('[dir]', 'folder to write to', '.')
    .description('write a commented configuration, two first workers and the types of ctx; overwrites nothing')
    .option('--no-color', 'no colours')
    .action((dir: string, options: CommonOptions) =>
      run(options, async (output) => {
        const { initCommand } = await import('./commands/init.ts');
        return initCommand(dir, output);
      }),
    );

  program
    .command('types')
    .argument('[dir]', 'folder to write to: the one with the workers', '.')
    .description('write ctx.d.ts and ctx.pyi, the types of ctx for editors')
    .option('--no-color', 'no colours')
    .action((dir: string, options: CommonOptions) =>
      run(options, async (output) => {
        const { typesCommand } = await import('./commands/types.ts');
        return typesCommand(dir, output);
      }),
    );

  addConfigCommands(
    program.command('config').description('check the configuration, or print its schema'),
    run,
    environment,
  );
  addStateCommands(program, { withCommon, run, environment });
  return program;
}

function addConfigCommands(config: Command, run: Run, environment: ReturnType<typeof readEnvironment>): void {
  withCommon(config.command('check'))
    .description('check the configuration and the code of every worker')
    .addHelpText('after', CHECK_HELP)
    .action((options: CommonOptions & { config: string }) =>
      run(options, async (output) => {
        const { checkCommand } = await import('./commands/config-check.ts');
        return checkCommand(options.config, output, environment);
      }),
    );
  config
    .command('schema')
    .description('print the JSON Schema of the configuration, for editors')
    .addHelpText('after', SCHEMA_HELP)
    .action(() =>
      run({ color: false }, async (output) => {
        const { schemaCommand } = await import('./commands/config-schema.ts');
        return schemaCommand(output);
      }),
    );
}

function withCommon(command: Command): Command {
  return command
    .option('-c, --config <file>', 'the configuration, YAML or JSON', onlyOnce(), DEFAULT_CONFIG)
    .option('--json', 'JSON lines instead of text')
    .option('--no-color', 'no colours; NO_COLOR in the environment does the same');
}

/** One engine has one configuration: the last of two would win, and nobody would be told. */
function onlyOnce(): (value: string) => string {
  let given = false;
  return (value) => {
    if (given) throw new InvalidArgumentError('It is given twice; one runtime has one configuration.');
    given = true;
    return value;
  };
}
