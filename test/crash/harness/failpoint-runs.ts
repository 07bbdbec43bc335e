/** Each failpoint × kill, error, delay, freeze: the node is brought to it, and what follows is judged as after any other fault. */
import { setTimeout as sleep } from 'node:timers/promises';
import { poll } from '../../support/poll.ts';
import { checkRunning } from './checks.ts';
import { flushRedis } from './copies.ts';
import { FAIL_MODES, FAILPOINTS, type FailMode, type Occasion } from './failpoints.ts';
import type { NodeHandle } from './node-handle.ts';
import type { HarnessOptions } from './options.ts';
import { Damage } from './promise.ts';
import { type Report, reportOf } from './report.ts';
import { begin, type Round, stopAll, ticksAgain } from './rounds.ts';
import { LEASE_MS, World } from './world.ts';

const REACHED_MS = 20_000;
const TAKE_OVER_MS = LEASE_MS + 15_000;
/** What a delay takes, and a node that ends in order. */
const SLACK_MS = 12_000;

export interface FailpointPlan {
  readonly times: number;
  /** Names; all that fit where it is empty. */
  readonly only: readonly string[];
}

/** Ends with the first violation; a place that is never reached is one. */
export async function runFailpoints(
  options: HarnessOptions,
  { times, only }: FailpointPlan,
  say: (line: string) => void,
): Promise<Report> {
  const world = await World.open(options);
  const rounds: Round[] = [];
  const points = Object.entries(FAILPOINTS).filter(
    ([name, { setups, ack = options.ack }]) =>
      setups.includes(options.setup) && ack === options.ack && (only.length === 0 || only.includes(name)),
  );
  const slowest = new Map<string, { times: number; ms: number }>();
  try {
    // All of them once, then all of them again: whoever ends it early has seen each.
    for (let run = 0; run < times; run++)
      for (const [name, { occasion }] of points)
        for (const mode of FAIL_MODES) {
          if (world.oracle.violations.length > 0 || Date.now() > options.until) return await finish();
          const recoveryMs = await runFailpoint(world, name, mode, occasion);
          const fault = `${name} ${mode}`;
          rounds.push({ index: rounds.length, faults: [fault], recoveryMs });
          const before = slowest.get(fault) ?? { times: 0, ms: 0 };
          slowest.set(fault, { times: before.times + 1, ms: Math.max(before.ms, recoveryMs ?? Infinity) });
          if (options.verbose) say(`${fault}: ${recoveryMs} ms`);
        }
    return await finish();
  } finally {
    await world.close();
  }

  function finish(): Promise<Report> {
    for (const [fault, { times: count, ms }] of slowest)
      say(`${fault}: ${count} times, ticks again after at most ${ms} ms`);
    return reportOf(world, rounds);
  }
}

async function runFailpoint(world: World, name: string, mode: FailMode, occasion: Occasion): Promise<number | null> {
  const [node] = world.nodes;
  if (node === undefined) throw new Error('there is no node');
  const damage = new Damage(world);
  if (mode === 'kill' || mode === 'freeze') damage.mark('ownerAway');
  const ended = await bring(world, node, occasion, `${name}:${mode}`, damage);
  const reached = poll(name, () => node.failpoint === name || undefined, { limitMs: REACHED_MS });
  try {
    await reached;
  } catch {
    world.oracle.violate('a failpoint is reached', name, `within ${REACHED_MS} ms`, `not in ${mode}`);
    return null;
  }
  const successor = mode === 'freeze' ? await takeOver(world, node, occasion) : null;
  const up = Date.now();
  await ended();
  if (!node.wanted) node.start();
  const recoveryMs = await ticksAgain(world, up, world.options.recoveryMs + LEASE_MS + SLACK_MS);
  if (recoveryMs === null)
    world.oracle.violate('every worker ticks again', 'all', 'in time', `not after ${name} ${mode}`);
  else await checkRunning(world);
  // The next place is armed in the first node.
  if (successor !== null) await successor.stop();
  world.oracle.promiseAgain();
  return recoveryMs;
}

/** The node stands still. Another one takes its workers over where one can, before it is woken. */
async function takeOver(world: World, node: NodeHandle, occasion: Occasion): Promise<NodeHandle | null> {
  node.frozen = true;
  const successor = occasion === 'migrate' ? undefined : world.nodes.find((one) => one !== node);
  if (successor === undefined) await sleep(LEASE_MS);
  else {
    successor.start();
    const hasIt = (): true | undefined => successor.placement === 'held' || undefined;
    await poll('the second node takes over', hasIt, { limitMs: TAKE_OVER_MS }).catch(() => {
      world.oracle.violate(
        'a second node takes over',
        successor.name,
        `within ${TAKE_OVER_MS} ms`,
        successor.placement,
      );
    });
  }
  node.wake();
  return successor ?? null;
}

/** What has to be waited for once it was reached. */
async function bring(
  world: World,
  node: NodeHandle,
  occasion: Occasion,
  failpoint: string,
  damage: Damage,
): Promise<() => Promise<void>> {
  const nothing = (): Promise<void> => Promise.resolve();
  if (occasion !== 'migrate') await begin(world);
  switch (occasion) {
    case 'runs':
      node.arm(failpoint);
      return nothing;
    case 'flush':
      node.arm(failpoint);
      damage.mark('redisEmptied');
      await flushRedis(world);
      return nothing;
    case 'stop': {
      node.arm(failpoint);
      const stopped = node.stop();
      return async () => void (await stopped);
    }
    case 'start':
      await stopAll(world);
      node.start(failpoint);
      return nothing;
    case 'start-killed':
      await node.halt();
      node.start(failpoint);
      return nothing;
    case 'start-flushed':
      await stopAll(world);
      await flushRedis(world);
      node.start(failpoint);
      return nothing;
    case 'migrate':
      await stopAll(world);
      world.newGeneration();
      node.start(failpoint);
      return nothing;
  }
}
