/** One run of a guest (loading it, or one call of its functions) and its clock, which stands still while the node holds it. */
import type { GuestError, LoadReport } from '../protocol.ts';

export class Run {
  readonly id: number;
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly startedAt: number;
  readonly cpuBeforeMs: number;
  /** The guest wrote its end. */
  ended = false;
  report: LoadReport | null = null;
  error: GuestError | null = null;
  phase: 'running' | 'expired' | 'cancelled' = 'running';
  #deadline: number;
  #leftWhenHeld: number | null = null;

  constructor(order: { id: number; timeoutMs: number; graceMs: number; now: number; cpuBeforeMs: number }) {
    this.id = order.id;
    this.timeoutMs = order.timeoutMs;
    this.graceMs = order.graceMs;
    this.startedAt = order.now;
    this.cpuBeforeMs = order.cpuBeforeMs;
    this.#deadline = order.now + order.timeoutMs;
  }

  /** Milliseconds until the time (or the grace after it) is over. */
  leftMs(now: number): number {
    return this.#leftWhenHeld ?? this.#deadline - now;
  }

  get held(): boolean {
    return this.#leftWhenHeld !== null;
  }

  hold(now: number): void {
    if (this.phase === 'running') this.#leftWhenHeld ??= Math.max(1, this.#deadline - now);
  }

  resume(now: number): void {
    if (this.#leftWhenHeld === null) return;
    this.#deadline = now + this.#leftWhenHeld;
    this.#leftWhenHeld = null;
  }

  /** Time is over: what is left is the grace. */
  expire(now: number): void {
    this.phase = 'expired';
    this.#leftWhenHeld = null;
    this.#deadline = now + this.graceMs;
  }
}
