/**
 * What may happen to whom. A fault does its damage and holds it for a while; what it leaves broken is repaired by `repair` in
 * round.ts, which knows nothing of the fault: dead servers are started, frozen processes woken, connections let through.
 */
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { damage, flushRedis } from './copies.ts';
import type { Dice } from './dice.ts';
import type { Setup } from './options.ts';
import type { Damage } from './promise.ts';
import { LEASE_MS, type World } from './world.ts';

export interface Fault {
  readonly name: string;
  readonly setups: readonly Setup[];
  /** How often it is drawn, against the others. */
  readonly weight: number;
  /** Only where a second node stands by. */
  readonly standby?: boolean;
  /** Never beside another one. */
  readonly alone?: boolean;
  readonly apply: (world: World, dice: Dice, done: Damage) => Promise<void>;
}

const ALL: readonly Setup[] = ['embedded', 'postgres', 'redis+postgres'];
const SERVERS: readonly Setup[] = ['postgres', 'redis+postgres'];
const BOTH: readonly Setup[] = ['redis+postgres'];

async function killNode(world: World, done: Damage): Promise<void> {
  done.mark('ownerAway');
  await world.active.kill();
}

async function killServer(world: World, which: 'redis' | 'postgres', done: Damage): Promise<void> {
  const one = world[which];
  if (one === null || one.down) return;
  one.down = true;
  if (which === 'redis') done.mark('redisKilled');
  else done.mark('postgresAway');
  await one.server.kill();
}

const hold = (dice: Dice, max = 1_500): Promise<void> => sleep(dice.between(50, max));

function outage(name: string, which: 'redis' | 'postgres', begin: (world: World, dice: Dice) => unknown): Fault {
  return {
    name: `${name} ${which}`,
    setups: which === 'redis' ? BOTH : SERVERS,
    weight: 2,
    async apply(world, dice, done) {
      if (world[which]?.down === true) return;
      if (which === 'postgres') done.mark('postgresAway');
      await begin(world, dice);
      await hold(dice);
    },
  };
}

const outages = (['redis', 'postgres'] as const).flatMap((which) => [
  outage('cut', which, (world) => world[which]?.proxy.cut()),
  outage('black hole before', which, (world) => world[which]?.proxy.blackHole()),
  outage('delay', which, (world, dice) => world[which]?.proxy.delay(dice.between(20, 400))),
  outage('freeze', which, (world) => world[which]?.server.pause()),
]);

/** A copy of what Redis has on its disk at any moment, put back later: what an older backup or a lagging replica would be. */
async function putRedisBack(world: World, dice: Dice, done: Damage): Promise<void> {
  const { redis } = world;
  if (redis === null || redis.down) return;
  const files = join(redis.server.dir, 'appendonlydir');
  const kept = join(world.folder, 'redis-before');
  if (!existsSync(files)) return;
  cpSync(files, kept, { recursive: true });
  await sleep(dice.between(300, 1_500));
  done.mark('redisEmptied');
  await killNode(world, done);
  await killServer(world, 'redis', done);
  rmSync(files, { recursive: true, force: true });
  cpSync(kept, files, { recursive: true });
  rmSync(kept, { recursive: true, force: true });
}

export const FAULTS: readonly Fault[] = [
  { name: 'kill node', setups: ALL, weight: 6, apply: (world, _dice, done) => killNode(world, done) },
  {
    name: 'kill cell',
    setups: ALL,
    weight: 4,
    async apply({ active }, dice) {
      if (active.cells.length > 0) process.kill(dice.pick(active.cells), 'SIGKILL');
    },
  },
  {
    name: 'freeze cell',
    setups: ALL,
    weight: 1,
    async apply({ active }, dice) {
      if (active.cells.length === 0) return;
      const pid = dice.pick(active.cells);
      process.kill(pid, 'SIGSTOP');
      await hold(dice, 3_000);
      if (active.cells.includes(pid)) process.kill(pid, 'SIGCONT');
    },
  },
  { name: 'kill redis', setups: BOTH, weight: 4, apply: (world, _dice, done) => killServer(world, 'redis', done) },
  {
    name: 'kill postgres',
    setups: SERVERS,
    weight: 4,
    apply: (world, _dice, done) => killServer(world, 'postgres', done),
  },
  {
    name: 'kill node and redis',
    setups: BOTH,
    weight: 2,
    async apply(world, dice, done) {
      const node = (): Promise<void> => killNode(world, done);
      const redis = (): Promise<void> => killServer(world, 'redis', done);
      for (const work of dice.chance(0.5) ? [node, redis] : [redis, node]) await work();
    },
  },
  {
    name: 'kill everything',
    setups: SERVERS,
    weight: 1,
    async apply(world, _dice, done) {
      await Promise.all([
        killServer(world, 'postgres', done),
        killServer(world, 'redis', done),
        ...world.nodes.map((node) => node.kill()),
      ]);
      done.mark('ownerAway');
    },
  },
  {
    name: 'freeze node',
    setups: ALL,
    weight: 4,
    alone: true,
    async apply(world, dice, done) {
      const { active, standby } = world;
      done.mark('ownerAway');
      active.freeze();
      await sleep(standby === null ? dice.between(200, 4_000) : LEASE_MS + dice.between(-1_000, 2_000));
    },
  },
  {
    name: 'flush redis',
    setups: BOTH,
    weight: 3,
    async apply(world, _dice, done) {
      if (world.redis?.down === true) return;
      done.mark('redisEmptied');
      await flushRedis(world);
    },
  },
  {
    name: 'flush redis while the owner sleeps',
    setups: BOTH,
    weight: 2,
    standby: true,
    alone: true,
    async apply(world, dice, done) {
      done.mark('ownerAway');
      done.mark('redisEmptied');
      world.active.freeze();
      await sleep(dice.between(0, LEASE_MS));
      await flushRedis(world);
      await sleep(LEASE_MS + dice.between(-500, 1_000));
    },
  },
  { name: 'put redis back', setups: BOTH, weight: 2, alone: true, apply: putRedisBack },
  {
    name: 'damage a copy',
    setups: BOTH,
    weight: 3,
    alone: true,
    async apply(world, dice, done) {
      done.mark('ownerAway');
      for (const node of world.nodes)
        if (!(await node.stop()))
          world.oracle.violate('a node stops in order', node.name, 'exit code 0', 'another one');
      const worker = dice.pick(world.oracle.names);
      await damage(world, dice.pick(['redis', 'postgres', 'postgres']), worker);
    },
  },
  ...outages,
];

export function drawFault(world: World, dice: Dice, isSecond: boolean): Fault {
  const { setup, only } = world.options;
  const fits = FAULTS.filter(
    ({ name, setups, standby, alone }) =>
      setups.includes(setup) &&
      (only.length === 0 || only.includes(name)) &&
      !(standby === true && world.standby === null) &&
      !(alone === true && isSecond),
  );
  // What dies while something else is away has told nobody.
  const weightOf = ({ name, weight }: Fault): number => (isSecond && name === 'kill node' ? 3 * weight : weight);
  let at = dice.next() * fits.reduce((sum, fault) => sum + weightOf(fault), 0);
  const found = fits.find((fault) => {
    at -= weightOf(fault);
    return at < 0;
  });
  if (found === undefined) throw new Error(`there is no fault for ${setup} among ${only.join(', ')}`);
  return found;
}
