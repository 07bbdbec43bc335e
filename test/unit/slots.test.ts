import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Slots } from '../../sandbox/cell/slots.ts';

const QUICK_MS = 1;
const SLOW_MS = 100;
const ENDLESS_MS = 1_000;

interface Guest {
  readonly name: string;
}

function drain(slots: Slots<Guest>): string[] {
  const names: string[] = [];
  for (let guest = slots.next(); guest !== undefined; guest = slots.next()) names.push(guest.name);
  return names;
}

describe('the slots of a cell', () => {
  test('run as many guests at once as there are slots, first come first served', () => {
    const slots = new Slots<Guest>(2);
    const guests = ['a', 'b', 'c', 'd'].map((name) => ({ name }));
    for (const guest of guests) slots.enqueue(guest);
    expect(drain(slots)).toEqual(['a', 'b']);
    slots.release(guests[1] as Guest, QUICK_MS);
    expect(drain(slots)).toEqual(['c']);
  });

  test('a slow slice gives its slot to the next and counts in the slow lane', () => {
    const slots = new Slots<Guest>(1);
    const [slow, quick] = [{ name: 'slow' }, { name: 'quick' }];
    slots.enqueue(slow);
    slots.enqueue(quick);
    expect(drain(slots)).toEqual(['slow']);
    slots.outlasts(slow, SLOW_MS);
    expect(drain(slots)).toEqual(['quick']);
  });

  test('slices that are slow at the same time leave all their slots to the others', () => {
    const slots = new Slots<Guest>(3);
    const slow = ['a', 'b', 'c'].map((name) => ({ name }));
    for (const guest of slow) slots.enqueue(guest);
    expect(drain(slots)).toEqual(['a', 'b', 'c']);
    for (const guest of slow) slots.outlasts(guest, SLOW_MS);
    for (const name of ['x', 'y', 'z']) slots.enqueue({ name });
    expect(drain(slots)).toEqual(['x', 'y', 'z']);
  });

  test('at most two that were slow last time run at once, and the next one when one of them is back', () => {
    const slots = new Slots<Guest>(4);
    const slow = ['a', 'b', 'c'].map((name) => ({ name }));
    for (const guest of slow) {
      slots.enqueue(guest);
      drain(slots);
      slots.outlasts(guest, SLOW_MS);
      slots.release(guest, SLOW_MS);
    }
    for (const guest of slow) slots.enqueue(guest);
    expect(drain(slots)).toEqual(['a', 'b']);
    slots.release(slow[0] as Guest, SLOW_MS);
    expect(drain(slots)).toEqual(['c']);
  });

  test('a guest that was slow last time starts in the slow lane, and one that behaves comes back', () => {
    const slots = new Slots<Guest>(1);
    const guest = { name: 'guest' };
    const other = { name: 'other' };
    slots.enqueue(guest);
    drain(slots);
    slots.outlasts(guest, SLOW_MS);
    slots.release(guest, SLOW_MS);
    slots.enqueue(guest);
    slots.enqueue(other);
    expect(drain(slots)).toEqual(['other', 'guest']);
    slots.release(guest, QUICK_MS);
    slots.enqueue(guest);
    expect(drain(slots)).toEqual([]);
    slots.release(other, QUICK_MS);
    expect(drain(slots)).toEqual(['guest']);
  });

  test('loops that never end hold up neither the quick nor the slow, now and the next time', () => {
    const slots = new Slots<Guest>(2);
    const loops = ['a', 'b', 'c'].map((name) => ({ name }));
    const slow = { name: 'slow' };
    for (const guest of [slow, ...loops]) {
      slots.enqueue(guest);
      drain(slots);
      slots.outlasts(guest, SLOW_MS);
    }
    slots.release(slow, SLOW_MS);
    slots.enqueue(slow);
    expect(drain(slots)).toEqual([]);
    for (const loop of loops) slots.outlasts(loop, ENDLESS_MS);
    expect(drain(slots)).toEqual(['slow']);
    slots.release(slow, SLOW_MS);
    for (const loop of loops) slots.release(loop, 60_000);
    for (const guest of [...loops, slow]) slots.enqueue(guest);
    expect(drain(slots)).toEqual(['slow', 'a', 'b']);
    slots.release(loops[0] as Guest, 60_000);
    expect(drain(slots)).toEqual(['c']);
  });

  test('fewer slots take effect as guests come back, and there is always one', () => {
    const slots = new Slots<Guest>(2);
    const guests = ['a', 'b', 'c'].map((name) => ({ name }));
    for (const guest of guests) slots.enqueue(guest);
    drain(slots);
    slots.resize(0);
    slots.release(guests[0] as Guest, QUICK_MS);
    expect(drain(slots)).toEqual([]);
    slots.release(guests[1] as Guest, QUICK_MS);
    expect(drain(slots)).toEqual(['c']);
  });

  test('never lose a guest or a slot, whatever is slow and in whatever order they come back', () => {
    const step = fc.record({
      kind: fc.constantFrom('enter', 'slow', 'back'),
      which: fc.nat(50),
      ms: fc.constantFrom(QUICK_MS, SLOW_MS, ENDLESS_MS),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 200 }), (count, list) => {
        const slots = new Slots<Guest>(count);
        const guests = Array.from({ length: 10 }, (_, n) => ({ name: String(n) }));
        const queued = new Set<Guest>();
        const running = new Set<Guest>();
        const slow = new Set<Guest>();
        const grant = (): void => {
          for (let guest = slots.next(); guest !== undefined; guest = slots.next()) {
            expect(queued.delete(guest)).toBe(true);
            running.add(guest);
          }
          // A slice that turns out slow leaves the slots at once: they are for quick ones, of which there are never more.
          expect([...running].filter((guest) => !slow.has(guest)).length).toBeLessThanOrEqual(count + 4);
        };
        for (const { kind, which, ms } of list) {
          const idle = guests.filter((guest) => !queued.has(guest) && !running.has(guest));
          const from = kind === 'enter' ? idle : [...running];
          const guest = from[which % Math.max(1, from.length)];
          if (guest === undefined) continue;
          if (kind === 'enter') {
            queued.add(guest);
            slots.enqueue(guest);
          } else if (kind === 'slow') {
            slow.add(guest);
            slots.outlasts(guest, Math.max(ms, SLOW_MS));
          } else if (running.delete(guest)) {
            slow.delete(guest);
            slots.release(guest, ms);
          }
          grant();
        }
        // Everything comes back in the end: nobody waits for ever.
        for (let rounds = 0; running.size > 0 || queued.size > 0; rounds++) {
          expect(rounds).toBeLessThan(30);
          for (const guest of running) {
            running.delete(guest);
            slots.release(guest, QUICK_MS);
          }
          grant();
        }
      }),
    );
  });
});
