/**
 * `npm run test:security -- --full`: every case of the corpus 20 times on the engine's own limits. `--times N`, `--only NAME[,NAME]`,
 * `--lanes N`, `--verbose`. Without any of them it does what `npm test` does. Exit code 1: something was violated.
 */
import { parseOptions } from './options.ts';
import { allViolations, caseLine, printed } from './report.ts';
import { CorpusRun } from './run.ts';

const options = parseOptions(process.argv.slice(2));
const run = new CorpusRun(options, (result) => {
  if (options.verbose || result.violations.length > 0) console.log(caseLine(result));
});
console.log(`security corpus: ${run.attacks.length} cases, ${options.times} times each`);
const report = await run.run();
console.log(printed(report));
process.exitCode = allViolations(report).length === 0 ? 0 : 1;
