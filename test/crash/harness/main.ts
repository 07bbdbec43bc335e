/**
 * The crash harness: `npm run test:crash -- --rounds 100 --seed 1`. It starts real servers, an exchange and nodes, kills, freezes and
 * cuts off whatever the seed says, and holds what is stored against what was acknowledged. Exit code 1: something was violated.
 */
import { parseOptions } from './options.ts';
import { describeSetup, printed } from './report.ts';
import { runRounds } from './run.ts';

const say = (line: string): void => console.log(line);
const { options, mode } = parseOptions(process.argv.slice(2));

say(`crash harness: ${describeSetup(options)}`);
switch (mode.kind) {
  case 'rounds': {
    const report = await runRounds(options, say);
    say(printed(report));
    process.exitCode = report.violations.length === 0 ? 0 : 1;
    break;
  }
  case 'failpoints':
  case 'self-test':
    throw new Error('later');
}
