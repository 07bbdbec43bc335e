import { describe, expect, test } from 'vitest';
import { SpreadPolicy } from '../../src/supervisor/spread.ts';
import { FakeClock } from '../support/fake-clock.ts';

const MINUTE = { kind: 'interval', intervalMs: 60_000 } as const;
const CRON = { kind: 'cron', expression: '* * * * *', timezone: 'UTC', catchUp: 'none' } as const;

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `default/worker-${n}`);

describe('the spreading of workers that start together', () => {
  test('leaves a handful on the grid of their own start', () => {
    const spread = new SpreadPolicy(true, new FakeClock());
    expect(names(20).map((name) => spread.phase(name, MINUTE))).toEqual(new Array(20).fill(0));
  });

  test('puts the others of the same second all over their interval', () => {
    const spread = new SpreadPolicy(true, new FakeClock());
    const phases = names(1_020)
      .map((name) => spread.phase(name, MINUTE))
      .slice(20);
    expect(Math.max(...phases)).toBeLessThan(60_000);
    const perSecond = new Map<number, number>();
    for (const phase of phases) {
      const second = Math.floor(phase / 1_000);
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
    }
    expect(Math.max(...perSecond.values())).toBeLessThanOrEqual(50);
  });

  test('begins again with every second', () => {
    const clock = new FakeClock();
    const spread = new SpreadPolicy(true, clock);
    for (const name of names(20)) spread.phase(name, MINUTE);
    expect(spread.phase('default/w', MINUTE)).toBeGreaterThan(0);
    clock.advance(1_001);
    expect(spread.phase('default/w', MINUTE)).toBe(0);
  });

  test('does not touch cron, and nothing at all where it is off', () => {
    const on = new SpreadPolicy(true, new FakeClock());
    const off = new SpreadPolicy(false, new FakeClock());
    for (const name of names(50)) {
      expect(on.phase(name, CRON)).toBe(0);
      expect(off.phase(name, MINUTE)).toBe(0);
    }
  });
});
