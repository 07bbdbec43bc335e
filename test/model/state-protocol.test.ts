import { describe, expect, test } from 'vitest';
import { explore } from './explore.ts';
import type { Rules } from './state-protocol.ts';
import { HARMLESS, MUTANTS, PROTOCOL } from './variants.ts';

/** For slow machines: the largest takes three seconds on a fast one. */
const TIMEOUT_MS = 120_000;

describe('the state protocol keeps every promise, in every state it can reach', () => {
  test.each(PROTOCOL)('$title', { timeout: TIMEOUT_MS }, ({ rules, states }) => {
    const verdict = explore(rules);
    expect(verdict.trace.join('\n')).toBe('');
    expect(verdict.states).toBe(states);
  });
});

/** Orders that look important and are not: what protects is the number that only Postgres gives, and the wait for both. */
describe('it would keep them as well where', () => {
  test.each(HARMLESS)('$title', { timeout: TIMEOUT_MS }, ({ rules, states }) => {
    const verdict = explore(rules);
    expect(verdict.trace.join('\n')).toBe('');
    expect(verdict.states).toBe(states);
  });
});

describe('it would break one where', () => {
  test.each(MUTANTS)('$title', { timeout: TIMEOUT_MS }, ({ rules, breaks, steps, states }) => {
    const { trace, wrong, states: seen } = explore(rules);
    const shown = trace.join('\n');
    expect(wrong?.slice(0, 2), shown).toBe(breaks);
    expect(trace.length - 1, shown).toBe(steps);
    expect(seen).toBe(states);
  });
});

test('what breaks a promise is the deviation and not the fault: without it the same bounds hold', {
  timeout: TIMEOUT_MS,
}, () => {
  const checked = new Set(PROTOCOL.map(({ rules }) => JSON.stringify(rules)));
  for (const { title, rules } of MUTANTS) {
    const { ack, grace, epochsMax, commitsMax, durable, effect, faults } = rules;
    const same: Rules = { ack, grace, epochsMax, commitsMax, durable, effect, faults };
    if (checked.has(JSON.stringify(same))) continue;
    checked.add(JSON.stringify(same));
    expect(explore(same).trace.join('\n'), title).toBe('');
  }
});
