import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Checksum, checksumOf, hashEntry } from '../../src/core/checksum.ts';

const text = fc.string({ unit: 'binary', maxLength: 12 });
const entries = fc.uniqueArray(fc.tuple(text, text), { selector: ([key]) => key, maxLength: 20 });

test('is the same in whatever order, and that of no entry is zeros', () => {
  expect(checksumOf([])).toBe('0000000000000000');
  fc.assert(
    fc.property(entries, fc.integer(), (list, seed) => {
      const shuffled = list.toSorted(([a], [b]) => hashEntry(a, `${seed}`).a - hashEntry(b, `${seed}`).a);
      expect(checksumOf(shuffled)).toBe(checksumOf(list));
      expect(checksumOf(list)).toMatch(/^[0-9a-f]{16}$/);
    }),
  );
});

test('kept while keys come, change and go, is the one from scratch', () => {
  const step = fc.tuple(fc.constantFrom('a', 'b', 'c', '', '__proto__'), fc.option(text, { freq: 3 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const state = new Map<string, string>();
      const kept = new Checksum();
      for (const [key, json] of steps) {
        const before = state.get(key);
        if (before !== undefined) kept.subtract(hashEntry(key, before));
        state.delete(key);
        if (json !== null) {
          kept.add(hashEntry(key, json));
          state.set(key, json);
        }
        expect(kept.toString()).toBe(checksumOf(state));
      }
    }),
  );
});

test('is another one after one changed character, in a key or a value, of whatever neighbours', () => {
  fc.assert(
    fc.property(entries, text, text, fc.nat(), fc.nat(0xffff), (others, key, json, where, unit) => {
      const units = [...key, ...json].join('');
      fc.pre(units.length > 0 && !others.some(([other]) => other === key));
      const at = where % units.length;
      fc.pre(units.charCodeAt(at) !== unit);
      const changed = units.slice(0, at) + String.fromCharCode(unit) + units.slice(at + 1);
      const now = [changed.slice(0, key.length), changed.slice(key.length)] as const;
      expect(checksumOf([...others, now])).not.toBe(checksumOf([...others, [key, json]]));
    }),
    { numRuns: 2_000 },
  );
});

test('is another one where a character went from the key to the value', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), text, (key, json) => {
      const moved = [key.slice(0, -1), key.slice(-1) + json] as const;
      expect(checksumOf([moved])).not.toBe(checksumOf([[key, json]]));
    }),
  );
});
