import { describe, expect, it } from 'vitest';
import type { Overload } from '../../src/index.ts';
import { type Turn, Turns } from '../../src/supervisor/turns.ts';
import { FakeClock } from '../support/fake-clock.ts';

interface World {
  readonly clock: FakeClock;
  readonly turns: Turns;
  /** Names of the runs that may go, in their order. */
  readonly begun: string[];
  readonly told: (Overload & { readonly over: boolean })[];
  ask(name: string, options?: { readonly dueMono?: number; readonly costMs?: number }): Turn;
}

/** The workspace is what stands before the dash. */
function createWorld(cores = 2): World {
  const clock = new FakeClock();
  const begun: string[] = [];
  const told: World['told'] = [];
  const turns = new Turns({ clock, cores, onOverload: (overload, over) => told.push({ ...overload, over }) });
  return {
    clock,
    turns,
    begun,
    told,
    ask: (name, { dueMono = 0, costMs = 1 } = {}) =>
      turns.ask({ workspace: name.split('-')[0] as string, dueMono, costMs, begin: () => begun.push(name) }),
  };
}

describe('turns', () => {
  it('lets everybody go at once while there is room', () => {
    const { ask, begun } = createWorld();
    for (let i = 0; i < 200; i++) ask(`a-${i}`);
    expect(begun).toHaveLength(200);
  });

  it('lets those wait that are more than the processors can do soon, and takes the one that is due longest', () => {
    const { ask, begun, turns } = createWorld();
    const first = ask('a-0', { costMs: 49 });
    for (let i = 1; i < 4; i++) ask(`a-${i}`, { costMs: 49 });
    ask('a-later', { costMs: 49, dueMono: 20 });
    ask('a-sooner', { costMs: 49, dueMono: 10 });
    expect(begun).toEqual(['a-0', 'a-1', 'a-2', 'a-3']);
    turns.giveBack(first);
    expect(begun.at(-1)).toBe('a-sooner');
  });

  it('takes the workspace that has used the least, whatever the others have waiting', () => {
    const { ask, begun, turns } = createWorld();
    const running = Array.from({ length: 4 }, (_, i) => ask(`greedy-${i}`, { costMs: 49 }));
    for (let i = 4; i < 1_000; i++) ask(`greedy-${i}`, { costMs: 49 });
    const own = ask('modest-0', { costMs: 49, dueMono: 1_000 });
    expect(begun).toHaveLength(5);
    expect(begun.at(-1)).toBe('modest-0');
    turns.giveBack(own);
    ask('modest-1', { costMs: 49, dueMono: 1_001 });
    ask('modest-2', { costMs: 49, dueMono: 1_002 });
    for (const turn of running) turns.giveBack(turn);
    expect(begun.slice(6, 9)).toContain('modest-2');
  });

  /**
   * Work without end for each workspace, whose runs need so much each, on processors that share themselves equally among all that
   * runs. Returns the processor time that each workspace got within `ms`.
   */
  function work(
    { ask, turns, begun }: World,
    needs: Readonly<Record<string, number>>,
    ms: number,
  ): Map<string, number> {
    const got = new Map<string, number>();
    const running = new Map<string, { readonly turn: Turn; readonly workspace: string; leftMs: number }>();
    const turnsOf = new Map<string, Turn>();
    let asked = 0;
    const more = (workspace: string): void => {
      const name = `${workspace}-w${asked++}`;
      turnsOf.set(name, ask(name, { costMs: 40, dueMono: asked }));
    };
    for (const workspace of Object.keys(needs)) for (let i = 0; i < 50; i++) more(workspace);
    let seen = begun.length - begun.filter((name) => turnsOf.has(name)).length;
    for (let now = 0; now < ms; now++) {
      for (; seen < begun.length; seen++) {
        const name = begun[seen] as string;
        const workspace = name.split('-')[0] as string;
        const leftMs = needs[workspace] as number;
        running.set(name, { turn: turnsOf.get(name) as Turn, workspace, leftMs });
      }
      const part = 1 / running.size;
      for (const [name, run] of running) {
        run.leftMs -= part;
        got.set(run.workspace, (got.get(run.workspace) ?? 0) + part);
        if (run.leftMs > 0) continue;
        running.delete(name);
        turns.spent(run.workspace, needs[run.workspace] as number, 40);
        turns.giveBack(run.turn);
        more(run.workspace);
      }
    }
    return got;
  }

  it('shares processor time and not runs', () => {
    const got = work(createWorld(1), { heavy: 120, light: 10 }, 20_000);
    expect((got.get('heavy') ?? 0) / (got.get('light') ?? 1)).toBeCloseTo(1, 0);
  });

  it('gives no credit for a time in which nothing was asked for', () => {
    const world = createWorld(1);
    for (let i = 0; i < 1_000; i++) {
      world.turns.spent('busy', 40, 40);
      world.turns.giveBack(world.ask(`busy-${i}`, { costMs: 40 }));
    }
    const got = work(world, { busy: 40, rested: 40 }, 4_000);
    expect((got.get('rested') ?? 0) / (got.get('busy') ?? 1)).toBeCloseTo(1, 0);
  });

  it('keeps a lane for quick runs free of slow and endless ones', () => {
    const { ask, begun } = createWorld();
    for (let i = 0; i < 5; i++) ask(`a-slow${i}`, { costMs: 300 });
    for (let i = 0; i < 5; i++) ask(`a-endless${i}`, { costMs: 60_000 });
    expect(begun).toEqual(['a-slow0', 'a-slow1', 'a-endless0', 'a-endless1']);
    ask('a-quick');
    expect(begun.at(-1)).toBe('a-quick');
  });

  it('moves a run that outlasts its lane to the next, and lets another one have its place', () => {
    const { ask, begun, clock, turns } = createWorld(1);
    const spins = ask('a-spins', { costMs: 49 });
    ask('a-0', { costMs: 49 });
    ask('a-1', { costMs: 49 });
    expect(begun).toEqual(['a-spins', 'a-0']);
    turns.outlasts(spins);
    expect(begun.at(-1)).toBe('a-1');
    ask('a-slow', { costMs: 100 });
    expect(begun.at(-1)).toBe('a-1');
    clock.advance(1_000);
    // It is endless now.
    expect(begun.at(-1)).toBe('a-slow');
    ask('a-endless', { costMs: 2_000 });
    expect(begun.at(-1)).toBe('a-slow');
    turns.giveBack(spins);
    expect(begun.at(-1)).toBe('a-endless');
  });

  it('lets every workspace have one run in each lane', () => {
    const { ask, begun } = createWorld(1);
    for (let i = 0; i < 3; i++) ask(`a-${i}`, { costMs: 60_000 });
    ask('b-0', { costMs: 60_000 });
    ask('b-1', { costMs: 60_000 });
    expect(begun).toEqual(['a-0', 'b-0']);
  });

  it('lets a run that waits give its place up, unless it is known to use much', () => {
    const { ask, begun, turns } = createWorld(1);
    const slow = ask('a-slow0', { costMs: 100 });
    const endless = ask('a-endless0', { costMs: 2_000 });
    ask('a-slow1', { costMs: 100 });
    ask('a-endless1', { costMs: 2_000 });
    turns.rests(slow);
    turns.rests(endless);
    expect(begun).toEqual(['a-slow0', 'a-endless0', 'a-slow1']);
    turns.giveBack(endless);
    expect(begun.at(-1)).toBe('a-endless1');
  });

  it('keeps nothing of thousands of workspaces that have nothing to do, and everything of one that has', () => {
    const { ask, begun, turns } = createWorld(1);
    const holds = ask('busy-0', { costMs: 60_000 });
    ask('busy-1', { costMs: 60_000 });
    for (let i = 0; i < 5_000; i++) turns.giveBack(ask(`w${i}-0`));
    expect(begun).not.toContain('busy-1');
    turns.giveBack(holds);
    expect(begun.at(-1)).toBe('busy-1');
  });

  it('forgets one that gave its place up while it waited', () => {
    const { ask, begun, turns } = createWorld(1);
    const first = ask('a-0', { costMs: 60_000 });
    const second = ask('a-1', { costMs: 60_000 });
    ask('a-2', { costMs: 60_000 });
    turns.giveBack(second);
    turns.giveBack(second);
    turns.giveBack(first);
    expect(begun).toEqual(['a-0', 'a-2']);
  });

  it('tells once that a workspace is overloaded, and once that it is no more', () => {
    const { ask, clock, turns, told } = createWorld(1);
    const first = ask('a-0', { costMs: 60_000 });
    const second = ask('a-1', { costMs: 60_000 });
    clock.advance(900);
    expect(turns.overloads).toEqual([]);
    clock.advance(3_000);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ workspace: 'a', waiting: 1, over: false });
    expect(turns.overloads).toMatchObject([{ workspace: 'a', waiting: 1 }]);
    turns.giveBack(second);
    turns.giveBack(first);
    clock.advance(12_000);
    expect(told).toHaveLength(2);
    expect(told[1]).toMatchObject({ workspace: 'a', waiting: 0, over: true });
    expect(turns.overloads).toEqual([]);
  });
});
