import { describe, expect, test } from 'vitest';
import { editDistance, nearestName } from '../../src/core/nearest.ts';

describe('the nearest known name', () => {
  test.each([
    ['intervall', 'interval'],
    ['max_errors', 'maxErrors'],
    ['MaxErrors', 'maxErrors'],
    ['tiemout', 'timeout'],
    ['wrokers', 'workers'],
  ])('of %s is %s', (written, known) => {
    expect(nearestName(written, ['interval', 'maxErrors', 'timeout', 'workers'])).toBe(known);
  });

  test('is not given when nothing is close', () => {
    expect(nearestName('banana', ['interval', 'timeout'])).toBeUndefined();
    expect(nearestName('x', [])).toBeUndefined();
  });

  test('counts a swap of neighbours as one step', () => {
    expect(editDistance('tiemout', 'timeout')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('same', 'same')).toBe(0);
  });
});
