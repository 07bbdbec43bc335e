/** What must hold of the stores and of the exchange: after each round while all goes on, and after an orderly stop. */
import { poll } from '../../support/poll.ts';
import { type Copies, countOf, differenceOf, problemOf, readPostgres, readRedis } from './copies.ts';
import { CHECKPOINT_MS, type World } from './world.ts';

/** The longest pause of a checkpointer that found Postgres away, and a slow machine. */
const CATCH_UP_MS = 10_000;
const ONE_OWNER_MS = 10_000;

type Counts = ReadonlyMap<string, number>;

function acknowledgedNow({ oracle }: World): Counts {
  return new Map(oracle.names.map((worker) => [worker, oracle.acknowledged(worker) ?? 0]));
}

/** Workers of which a store holds less than was acknowledged. */
const behind = (copies: Copies, counts: Counts): readonly string[] =>
  [...counts].filter(([worker, n]) => countOf(copies.get(worker)) < n).map(([worker]) => worker);

/** Every node is awake, every server answers, every worker ticks. */
export async function checkRunning(world: World): Promise<void> {
  await checkOneOwner(world);
  const counts = acknowledgedNow(world);
  if (world.redis !== null) checkCopies(world, 'Redis', await readWhenCaughtUp(() => readRedis(world), counts), counts);
  if (world.postgres !== null)
    checkCopies(world, 'Postgres', await readWhenCaughtUp(() => readPostgres(world), counts), counts);
  world.oracle.checkOrders(await world.symbols(), world.generation);
}

/** Redis that was emptied is written again by the next commit, Postgres by the next checkpoint. */
async function readWhenCaughtUp(read: () => Promise<Copies>, counts: Counts): Promise<Copies> {
  let copies = await read();
  const isThere = async (): Promise<true | undefined> => {
    if (behind(copies, counts).length === 0) return true;
    copies = await read();
    return undefined;
  };
  await poll('a store catches up', isThere, { limitMs: CATCH_UP_MS, everyMs: CHECKPOINT_MS / 4 }).catch(() => null);
  return copies;
}

function checkCopies({ oracle }: World, store: string, copies: Copies, counts: Counts): void {
  for (const worker of behind(copies, counts))
    oracle.violate(
      'what was acknowledged is stored',
      worker,
      `${store} holds n ≥ ${counts.get(worker)}`,
      copies.has(worker) ? `n = ${countOf(copies.get(worker))}` : 'nothing',
    );
  for (const [worker, copy] of copies) {
    const problem = problemOf(copy);
    if (problem !== null) oracle.violate('a stored copy is whole', worker, `${store} matches its checksum`, problem);
  }
}

/** A node that slept beyond its lease finds that out, and ends. */
async function checkOneOwner(world: World): Promise<void> {
  if (world.postgres === null) return;
  const owners = (): readonly string[] =>
    world.nodes
      .filter(({ running, placement }) => running && placement !== 'standby' && placement !== 'none')
      .map(({ name }) => name);
  await poll('one node owns the workers', () => owners().length === 1 || undefined, { limitMs: ONE_OWNER_MS }).catch(
    () => world.oracle.violate('one node owns the workers', 'all', 'one', owners().join(' and ') || 'none'),
  );
}

/** Nothing runs: both stores hold what was acknowledged last, and the same. */
export async function checkStopped(world: World): Promise<void> {
  const { oracle, redis } = world;
  if (world.postgres !== null) {
    const counts = acknowledgedNow(world);
    const [hot, durable] = [await readRedis(world), await readPostgres(world)];
    for (const [store, copies] of [['Redis', hot] as const, ['Postgres', durable] as const]) {
      if (store === 'Redis' && redis === null) continue;
      checkCopies(world, store, copies, counts);
      for (const [worker, n] of counts)
        if (countOf(copies.get(worker)) > n)
          oracle.violate(
            'an orderly stop leaves nothing unsaid',
            worker,
            `${store} holds n = ${n}`,
            `n = ${countOf(copies.get(worker))}`,
          );
    }
    if (redis !== null)
      for (const worker of counts.keys()) {
        const [a, b] = [hot.get(worker), durable.get(worker)];
        const difference = a === undefined || b === undefined ? 'one of them has nothing' : differenceOf(a, b);
        if (difference !== null)
          oracle.violate('Redis and Postgres are equal after an orderly stop', worker, 'the same', difference);
      }
  }
  oracle.checkOrders(await world.symbols(), world.generation);
}
