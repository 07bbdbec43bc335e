import { describe, expect, test } from 'vitest';
import { type CellDeath, lossesOf, type Occupant } from '../../src/supervisor/cell-loss.ts';
import { OomWatch } from '../../src/supervisor/oom-watch.ts';

const DEATH: CellDeath = {
  reason: 'it was ended by SIGSEGV',
  purpose: 'shared',
  cause: 'crash',
  blameless: false,
  fromOutside: false,
  oomKill: false,
};
const IDLE: Occupant = { named: null, running: false, ranLately: false, usedMs: 0, killedBefore: false };
const RAN: Occupant = { ...IDLE, ranLately: true };
const RUNS: Occupant = { ...RAN, running: true };
const NAMED: Occupant = { ...RUNS, named: 'memory' };
const ONCE: Occupant = { ...RUNS, killedBefore: true };

/** `c` culprit, `s` suspect, `-` neither, in the order of the occupants. */
function verdicts(death: Partial<CellDeath>, occupants: readonly Occupant[]): string {
  const losses = lossesOf({ ...DEATH, ...death }, occupants);
  return losses.map(({ culprit, suspect }) => (culprit ? 'c' : suspect ? 's' : '-')).join('');
}

describe('who answers for a cell that died', () => {
  test.each<[string, Partial<CellDeath>, readonly Occupant[], string]>([
    ['nobody, when nobody ran', {}, [IDLE, RAN], '--'],
    ['the only one that ran', {}, [IDLE, RUNS], '-c'],
    ['nobody yet, when several ran', {}, [RUNS, RUNS, IDLE], 'ss-'],
    ['whom a report names, and nobody else', {}, [RUNS, NAMED, IDLE], '-c-'],
    ['whom a report names, even when the cell was killed from outside', { fromOutside: true }, [NAMED, RUNS], 'c-'],
    ['nobody, for a cell that failed itself', { blameless: true }, [RUNS], 's'],
    ['nobody, for a signal from outside', { fromOutside: true }, [RUNS], 's'],
    ['of memory, who ran since it was last measured, if alone in the cell', { cause: 'memory' }, [RAN], 'c'],
    ['of memory, nobody yet where others are in the cell', { cause: 'memory' }, [RAN, RUNS, IDLE], 'ss-'],
    ['of a cell that hangs, nobody yet where others are in the cell', { cause: 'timeout' }, [RUNS, IDLE], 's-'],
    ['of a cell that hangs, the only one in it', { cause: 'timeout' }, [RUNS], 'c'],
    ['of the first kill for memory, nobody', { fromOutside: true, oomKill: true, purpose: 'probation' }, [RUNS], 's'],
    ['of the second, in probation', { fromOutside: true, oomKill: true, purpose: 'probation' }, [ONCE], 'c'],
    ['of the second, not for memory, nobody', { fromOutside: true, purpose: 'probation' }, [ONCE], 's'],
    ['of the second, in a shared cell, nobody', { fromOutside: true, oomKill: true }, [ONCE, IDLE], 's-'],
  ])('%s', (_what, death, occupants, expected) => {
    expect(verdicts(death, occupants)).toBe(expected);
  });

  test('of memory, where many ran, those are suspects that worked the most', () => {
    const many = Array.from({ length: 100 }, (_, i): Occupant => ({ ...RAN, usedMs: i % 2 === 0 ? 0.1 : i }));
    const suspects = lossesOf({ ...DEATH, cause: 'memory' }, many).flatMap(({ suspect }, i) => (suspect ? [i] : []));
    expect(suspects).toEqual([85, 87, 89, 91, 93, 95, 97, 99]);
  });

  test('they are told what a culprit has done, and that the system killed the process', () => {
    expect(lossesOf({ ...DEATH, cause: 'memory' }, [RUNS])[0]).toMatchObject({ cause: 'memory', killed: false });
    expect(lossesOf({ ...DEATH, fromOutside: true, oomKill: true }, [IDLE])[0]).toMatchObject({
      killed: true,
      reason: 'the system killed the process, perhaps because memory ran out',
    });
  });
});

describe('the kernel’s count of kills for memory', () => {
  test('has risen for a second or two after each', () => {
    let count: number | null = 5;
    const watch = new OomWatch(() => count);
    expect(watch.rose()).toBe(false);
    count = 6;
    expect(watch.rose()).toBe(true);
    watch.look();
    expect(watch.rose()).toBe(true);
    watch.look();
    expect(watch.rose()).toBe(false);
  });

  test('says nothing where it cannot be read', () => {
    let count: number | null = null;
    const watch = new OomWatch(() => count);
    count = 1;
    expect(watch.rose()).toBe(false);
    watch.look();
    watch.look();
    count = null;
    expect(watch.rose()).toBe(false);
  });
});
