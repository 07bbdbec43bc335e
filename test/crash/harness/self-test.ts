/** A harness that finds nothing proves nothing: each planted bug has to be found within so many faults. */
import type { HarnessOptions } from './options.ts';
import { PLANTS } from './plants.ts';
import { runRounds } from './run.ts';

export const FAULTS_MAX = 100;

/** True where all were found. */
export async function runSelfTest(
  options: HarnessOptions,
  only: readonly string[],
  say: (line: string) => void,
): Promise<boolean> {
  let areFound = true;
  for (const [plant, { shows }] of Object.entries(PLANTS)) {
    if (only.length > 0 && !only.includes(plant)) continue;
    const { rounds, violations } = await runRounds(
      { ...options, plant, only: [], rounds: FAULTS_MAX },
      () => undefined,
    );
    const faults = rounds.reduce((sum, round) => sum + round.faults.length, 0);
    const first = violations.find(({ rule }) => shows.test(rule));
    if (first === undefined || faults > FAULTS_MAX) {
      say(`${plant}: NOT FOUND in ${faults} faults; ${violations.length} other violations: ${violations[0]?.rule}`);
      areFound = false;
    } else {
      const { rule, worker, expected, found } = first;
      const by = rounds.at(-1)?.faults.join(', then ');
      say(`${plant}: found after ${faults} faults (${by}): ${rule}: ${worker}: expected ${expected}, found ${found}`);
    }
  }
  return areFound;
}
