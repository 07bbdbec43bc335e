/** One round after the other: let it run, do damage, repair everything, wait until every worker ticks, check. */
import { setTimeout as sleep } from 'node:timers/promises';
import { poll } from '../../support/poll.ts';
import { checkRunning, checkStopped } from './checks.ts';
import { Dice } from './dice.ts';
import { drawFault } from './faults.ts';
import { Damage } from './promise.ts';
import { LEASE_MS, type World } from './world.ts';

/** Rounds between two orderly stops. */
const STOP_EVERY = 10;
const FIRST_TICKS_MS = 60_000;

export interface Round {
  readonly index: number;
  readonly faults: readonly string[];
  /** From the moment everything was up; null where somebody never ticked. */
  readonly recoveryMs: number | null;
}

/** Both nodes, or one; every worker ticks. */
export async function begin(world: World): Promise<void> {
  const since = Date.now();
  const [first] = world.nodes;
  if (first?.running === false) first.start();
  if ((await ticksAgain(world, since, FIRST_TICKS_MS)) === null)
    throw new Error(`the workers never began:\n${world.nodes.flatMap(({ lines }) => lines).join('\n')}`);
}

export async function runRound(world: World, index: number): Promise<Round> {
  const { options, oracle } = world;
  const dice = new Dice(options.seed, index);
  await changeStandby(world, dice);
  await sleep(dice.between(100, 900));
  const damage = new Damage(world);
  const first = drawFault(world, dice, false);
  const faults = [first.name];
  await first.apply(world, dice, damage);
  const moment = first.alone === true ? 1 : dice.next();
  if (moment < 0.3) await second();
  await repair(world);
  if (moment >= 0.3 && moment < 0.5) {
    await sleep(dice.between(0, 1_200));
    await second();
    await repair(world);
  }
  const up = Date.now();
  const limitMs = options.recoveryMs + (damage.has('ownerAway') ? LEASE_MS : 0);
  const recoveryMs = await ticksAgain(world, up, limitMs);
  if (recoveryMs === null) {
    for (const worker of oracle.names)
      if (oracle.firstTickAt(worker) === null)
        oracle.violate(
          'every worker ticks again',
          worker,
          `within ${limitMs} ms`,
          `last ${up - oracle.lastTickAt(worker)} ms before all was up`,
        );
    return { index, faults, recoveryMs };
  }
  await checkRunning(world);
  if (index % STOP_EVERY === STOP_EVERY - 1) await stopAndCheck(world);
  oracle.promiseAgain();
  return { index, faults, recoveryMs };

  async function second(): Promise<void> {
    const fault = drawFault(world, dice, true);
    faults.push(fault.name);
    await fault.apply(world, dice, damage);
  }
}

/** In order; afterwards everything runs again. */
async function stopAndCheck(world: World): Promise<void> {
  await stopAll(world);
  await checkStopped(world);
  if (world.oracle.violations.length === 0) await begin(world);
}

export async function stopAll(world: World): Promise<void> {
  // The one that waits first: it would take over.
  for (const node of [...world.nodes].sort((a, b) => Number(a.placement === 'held') - Number(b.placement === 'held')))
    if (!(await node.stop()))
      world.oracle.violate('a node stops in order', node.name, 'exit code 0', 'it had to be killed');
}

/** Everything that does not run is started, everything that sleeps is woken, every connection is let through. */
export async function repair(world: World): Promise<void> {
  await Promise.all(
    [world.redis, world.postgres].map(async (one) => {
      if (one === null) return;
      if (one.down) await one.server.restart();
      else one.server.resume();
      one.down = false;
      await one.proxy.heal();
    }),
  );
  for (const node of world.nodes) if (node.frozen) node.wake();
  if (world.nodes.every(({ wanted }) => !wanted)) world.nodes[0]?.start();
}

/** When every worker has ended a tick well since then; null where one did not in time. */
export async function ticksAgain(world: World, since: number, limitMs: number): Promise<number | null> {
  const { oracle } = world;
  oracle.watch(since);
  const isBack = (): true | undefined =>
    oracle.names.every((worker) => oracle.firstTickAt(worker) !== null) || undefined;
  try {
    await poll('every worker ticks', isBack, { limitMs: Math.max(0, limitMs - (Date.now() - since)) });
    return Math.max(...oracle.names.map((worker) => (oracle.firstTickAt(worker) ?? since) - since));
  } catch {
    return null;
  }
}

/** Now and then the second node comes, or goes. */
async function changeStandby(world: World, dice: Dice): Promise<void> {
  if (world.nodes.length < 2 || !dice.chance(0.25)) return;
  const idle = world.nodes.find((node) => node !== world.active);
  if (idle === undefined) return;
  if (!idle.wanted) {
    idle.start();
    await poll(
      'the second node waits',
      () => idle.placement === 'standby' || idle.placement === 'held' || undefined,
    ).catch(() => null);
  } else if (dice.chance(0.4)) await idle.stop();
}
