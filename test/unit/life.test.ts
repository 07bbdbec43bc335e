import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { RuntimeError } from '../../src/core/errors.ts';
import type { RuntimeEvents } from '../../src/runtime.ts';
import { NEW_HEAD } from '../../src/supervisor/head.ts';
import type { Ledger } from '../../src/supervisor/ledger.ts';
import { isLegal, TRANSITIONS, type WorkerState } from '../../src/supervisor/life.ts';
import type { SlotServices } from '../../src/supervisor/slot-services.ts';
import { WorkerSelf } from '../../src/supervisor/worker-self.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { settingsOf } from '../support/worker-parts.ts';

const STATES = Object.keys(TRANSITIONS) as WorkerState[];

/** A worker that stands in `state`, reached over the table from `stopped`. */
function workerIn(state: WorkerState) {
  const events: RuntimeEvents['worker'][] = [];
  const services = {
    clock: new FakeClock(),
    onState: (event: RuntimeEvents['worker']) => events.push(event),
  } as unknown as SlotServices;
  const self = new WorkerSelf(services, {
    id: 'default/w',
    ...settingsOf({}),
    ledger: {} as Ledger,
    head: NEW_HEAD,
  });
  for (const step of pathTo(state)) self.to(step, null);
  events.length = 0;
  return { self, events };
}

/** The shortest legal way from `stopped`; fails when there is none. */
function pathTo(target: WorkerState): WorkerState[] {
  const queue: WorkerState[][] = [[]];
  const seen = new Set<WorkerState>(['stopped']);
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const at = path.at(-1) ?? 'stopped';
    if (at === target) return path;
    for (const next of TRANSITIONS[at]) {
      if (seen.has(next)) continue;
      seen.add(next);
      queue.push([...path, next]);
    }
  }
  throw new Error(`${target} cannot be reached from stopped`);
}

describe('the table of a worker’s life', () => {
  test.each(STATES)('%s can be reached from stopped, and stopped from it', (state) => {
    expect(pathTo(state).at(-1) ?? 'stopped').toBe(state);
    const seen = new Set<WorkerState>([state]);
    for (const at of seen) for (const next of TRANSITIONS[at]) seen.add(next);
    expect(seen.has('stopped')).toBe(true);
  });

  test('names no state twice and never itself', () => {
    for (const state of STATES) {
      expect(new Set(TRANSITIONS[state]).size).toBe(TRANSITIONS[state].length);
      expect(TRANSITIONS[state]).not.toContain(state);
      for (const next of TRANSITIONS[state]) expect(STATES).toContain(next);
    }
  });

  test('every tick, setup and on_error comes only after a load: none of them follows a state without a sandbox', () => {
    for (const unloaded of ['stopped', 'failed', 'invalid', 'parked', 'recovering'] as const)
      for (const running of ['ticking', 'setup', 'handling'] as const) expect(isLegal(unloaded, running)).toBe(false);
  });

  test('is the one that docs/guide.md shows', () => {
    const guide = readFileSync(new URL('../../docs/guide.md', import.meta.url), 'utf8');
    const shown = new Map<string, string[]>();
    for (const [, state = '', rest = ''] of guide.matchAll(/^\| `(\w+)` +\| ((?:`\w+`(?:, )?)+) *\|$/gm))
      if (STATES.includes(state as WorkerState)) shown.set(state, rest.match(/\w+/g) ?? []);
    expect(Object.fromEntries(shown)).toEqual(TRANSITIONS);
  });

  test('failed and invalid end only by a start or a stop', () => {
    expect(TRANSITIONS.failed).toEqual(['loading', 'stopping']);
    expect(TRANSITIONS.invalid).toEqual(['loading', 'stopping']);
  });

  test('a worker can be stopped from every state that is not already its end', () => {
    for (const state of STATES)
      if (state !== 'stopped' && state !== 'stopping') expect(TRANSITIONS[state]).toContain('stopping');
  });
});

describe('the one method that changes the state', () => {
  test.each(STATES)('from %s it takes every legal change, tells it, and refuses every other', (from) => {
    for (const to of STATES) {
      const { self, events } = workerIn(from);
      if (from === to) {
        self.to(to, 'again');
        expect(events).toEqual([]);
      } else if (isLegal(from, to)) {
        self.to(to, 'because');
        expect(self.state).toBe(to);
        expect(self.reason).toBe('because');
        expect(events).toEqual([
          { worker: 'default/w', from, to, reason: 'because', code: to === 'invalid' ? 'CODE_INVALID' : null },
        ]);
      } else if (from === 'stopping') {
        // What happens on the way to the end is not shown.
        self.to(to, null);
        expect(self.state).toBe('stopping');
        expect(events).toEqual([]);
      } else {
        expect(() => self.to(to, null)).toThrow(RuntimeError);
        expect(self.state).toBe(from);
        expect(events).toEqual([]);
      }
    }
  });

  test('a store that goes away pauses, and one that is back goes on where it was', () => {
    for (const state of STATES.filter((name) => name !== 'paused')) {
      const { self } = workerIn(state);
      self.onStoreAway(true, 'the disk is full');
      expect(self.state).toBe(isLegal(state, 'paused') ? 'paused' : state);
      self.onStoreAway(false, '');
      expect(self.state).toBe(state);
    }
  });
});
