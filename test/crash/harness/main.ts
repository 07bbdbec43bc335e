/**
 * The crash harness: `npm run test:crash -- --rounds 100 --seed 1`. It starts real servers, an exchange and nodes, kills, freezes and
 * cuts off whatever the seed says, and holds what is stored against what was acknowledged. Exit code 1: something was violated.
 */

import { runFailpoints } from './failpoint-runs.ts';
import { parseOptions } from './options.ts';
import { describeSetup, printed, type Report } from './report.ts';
import { runRounds } from './run.ts';
import { runSelfTest } from './self-test.ts';

const say = (line: string): void => console.log(line);
const { options, mode } = parseOptions(process.argv.slice(2));

say(`crash harness: ${describeSetup(options)}`);
switch (mode.kind) {
  case 'rounds':
    conclude(await runRounds(options, say));
    break;
  case 'failpoints':
    conclude(await runFailpoints(options, mode, say));
    break;
  case 'self-test':
    process.exitCode = (await runSelfTest(options, mode.only, say)) ? 0 : 1;
}

// A connection that a proxy cut in the wrong moment may keep this process alive.
process.exit();

function conclude(report: Report): void {
  say(printed(report));
  process.exitCode = report.violations.length === 0 ? 0 : 1;
}
