import { describe, expect, it } from 'vitest';
import { CpuClock } from '../../sandbox/cell/cpu-clock.ts';

/** Burns this much of the clock's time. */
function pass(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

describe('what running guests use', () => {
  it('is what all of them used, shared evenly', () => {
    let usedMs = 0;
    const clock = new CpuClock(() => usedMs);
    const first = clock.enter();
    pass(20);
    usedMs += 10;
    const second = clock.enter();
    expect(second - first).toBe(10);
    pass(20);
    usedMs += 16;
    expect(clock.leave() - first).toBe(18);
    pass(20);
    usedMs += 6;
    expect(clock.leave() - second).toBe(14);
  });

  it('is never more than the time that passed, and nothing while nobody runs', () => {
    let usedMs = 0;
    const clock = new CpuClock(() => usedMs);
    usedMs += 1_000;
    const from = clock.enter();
    expect(clock.read() - from).toBe(0);
    pass(5);
    usedMs += 1_000;
    const used = clock.leave() - from;
    expect(used).toBeGreaterThan(4);
    expect(used).toBeLessThan(500);
    usedMs += 1_000;
    expect(clock.read() - from).toBe(used);
  });
});
