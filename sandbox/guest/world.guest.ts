/**
 * Time and randomness of the guest. They are the real ones unless a run supplies its own (simulation, rehearsal): then
 * `Date` stands still at the given moment and `Math.random` follows the seed.
 */
import type { GuestWorld } from '../protocol.ts';
import { createProxy, defineProperty, floor, now, random } from './primordials.guest.ts';

export interface World {
  /** Unix ms as the worker sees it. */
  now(): number;
  use(world: GuestWorld | null): void;
}

/** Mulberry32: small, and the same in every engine. */
function seeded(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function createWorld(global: typeof globalThis): World {
  let fixedNow: number | null = null;
  let draw: () => number = random;
  const guestNow = (): number => fixedNow ?? now();
  const RealDate = global.Date;
  const construct = Reflect.construct;
  const GuestDate: DateConstructor = createProxy(RealDate, {
    construct: (target, args, newTarget) =>
      construct(
        target,
        args.length === 0 ? [guestNow()] : args,
        newTarget === GuestDate ? target : newTarget,
      ) as object,
    apply: () => new RealDate(guestNow()).toString(),
  });
  // Named as the language names them.
  const own = { now: () => guestNow(), random: () => draw() };
  defineProperty(RealDate, 'now', { value: own.now, writable: true, configurable: true });
  defineProperty(RealDate.prototype, 'constructor', { value: GuestDate, writable: true, configurable: true });
  defineProperty(global, 'Date', { value: GuestDate, writable: true, configurable: true });
  defineProperty(global.Math, 'random', { value: own.random, writable: true, configurable: true });
  return {
    now: guestNow,
    use(world) {
      fixedNow = typeof world?.nowMs === 'number' ? floor(world.nowMs) : null;
      draw = typeof world?.seed === 'number' ? seeded(world.seed) : random;
    },
  };
}
