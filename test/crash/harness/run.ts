/** Rounds against one set-up, from empty servers to a report. */
import { checkStopped } from './checks.ts';
import type { HarnessOptions } from './options.ts';
import { type Report, reportOf } from './report.ts';
import { begin, type Round, runRound, stopAll } from './rounds.ts';
import { World } from './world.ts';

/** Ends with the first round that finds a violation. */
export async function runRounds(options: HarnessOptions, say: (line: string) => void): Promise<Report> {
  const world = await World.open(options);
  const rounds: Round[] = [];
  const { oracle } = world;
  try {
    await begin(world);
    while (rounds.length < options.rounds && Date.now() < options.until && oracle.violations.length === 0) {
      const round = await runRound(world, rounds.length);
      rounds.push(round);
      if (options.verbose) say(`round ${round.index}: ${round.faults.join(', then ')}: ${round.recoveryMs} ms`);
    }
    if (oracle.violations.length === 0) {
      await stopAll(world);
      await checkStopped(world);
    }
    return await reportOf(world, rounds);
  } finally {
    await world.close();
  }
}
