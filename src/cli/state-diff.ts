/** What differs between two states, and how people are shown that. */
import type { StateCopy, StateEntries } from '../runtime-state.ts';
import { countOf, keyLabel, printable, shorten, valueLabel } from './text.ts';

export interface Difference {
  readonly key: string;
  /** JSON text; null where the key is not there. */
  readonly before: string | null;
  readonly after: string | null;
}

/** Sorted by key. */
export function differencesOf(before: StateEntries, after: StateEntries): Difference[] {
  const old = new Map(before);
  const now = new Map(after);
  return [...new Set([...old.keys(), ...now.keys()])]
    .sort()
    .map((key) => ({ key, before: old.get(key) ?? null, after: now.get(key) ?? null }))
    .filter((one) => one.before !== one.after);
}

const VALUE_CHARACTERS_MAX = 60;
const LINES_MAX = 100;
/** In the year 2001. */
const TIMES_FROM_MS = 1e12;

/** `+ key = value`, `- key = value`, `~ key: value → value`. */
export function linesOf(differences: readonly Difference[]): string[] {
  const value = (json: string): string => shorten(valueLabel(json), VALUE_CHARACTERS_MAX);
  const lines = differences.slice(0, LINES_MAX).map(({ key, before, after }) => {
    const name = shorten(keyLabel(key), VALUE_CHARACTERS_MAX);
    if (before === null) return `  + ${name} = ${value(after ?? '')}`;
    if (after === null) return `  - ${name} = ${value(before)}`;
    return `  ~ ${name}: ${value(before)} → ${value(after)}`;
  });
  const more = differences.length - lines.length;
  return more > 0 ? [...lines, `  and ${countOf(more, 'key')} more`] : lines;
}

/** One copy in one line. */
export function copyLine(where: string, copy: StateCopy | string | null): string {
  const label = `${where}:`.padEnd(10);
  if (copy === null) return `${label} nothing is there`;
  if (typeof copy === 'string') return `${label} cannot be read: ${printable(copy)}`;
  const { revision, writtenEpoch, epoch, tick, checksum, intact, entries } = copy;
  const owner =
    writtenEpoch === epoch
      ? `owner ${ownerLabel(epoch)}`
      : `written by owner ${ownerLabel(writtenEpoch)}, owner now ${ownerLabel(epoch)}`;
  const sum =
    checksum === null ? 'no checksum' : `checksum ${checksum}${intact ? '' : ', which its values DO NOT MATCH'}`;
  return `${label} revision ${revision}, ${owner}, tick ${tick ?? 'unknown'}, ${countOf(entries.length, 'key')}, ${sum}`;
}

/** An epoch that Postgres granted is a time, in microseconds; those of an earlier release count from 1. */
function ownerLabel(epoch: string): string {
  const at = new Date(Number(BigInt(epoch) / 1_000n));
  if (at.getTime() < TIMES_FROM_MS || Number.isNaN(at.getTime())) return epoch;
  return `${epoch} (since ${at.toISOString().slice(0, 19)}Z)`;
}
