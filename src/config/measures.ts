/** Durations, sizes and counts of the configuration, each with its range and with help that names it. */
import { z } from 'zod';
import {
  BYTES_HELP,
  BYTES_PATTERN,
  DURATION_HELP,
  DURATION_PATTERN,
  formatBytes,
  formatDuration,
  parseBytes,
  parseDuration,
} from './duration.ts';

function measure(pattern: RegExp, how: string, parse: (text: string) => number, format: (value: number) => string) {
  return (min: number, max: number, range = `from ${format(min)} to ${format(max)}`) => {
    const help = `${how}; ${range}`;
    return z
      .string({ error: help })
      .regex(pattern, { error: help })
      .transform((text, context) => {
        const value = parse(text);
        if (value >= min && value <= max) return value;
        const message = `must be between ${format(min)} and ${format(max)}`;
        context.issues.push({ code: 'custom', input: text, message });
        return z.NEVER;
      });
  };
}

/** Output: ms. */
export const duration = measure(DURATION_PATTERN, DURATION_HELP, parseDuration, formatDuration);
/** Output: bytes. */
export const bytes = measure(BYTES_PATTERN, BYTES_HELP, parseBytes, formatBytes);
export const count = (min: number, max: number) => z.int().min(min).max(max);
