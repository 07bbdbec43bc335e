/** The worker's log: cut, rate-limited, and never a reason for an error. */
import type { LogLevel, SandboxLimits } from '../protocol.ts';
import { apply, isArray, now, SafeError, SafeMap, SafeSet, SafeString, slice, stringify } from './primordials.guest.ts';
import type { Stream } from './stream.guest.ts';

const WINDOW_MS = 10_000;

export interface Log {
  write(level: LogLevel, text: string, fields: string | null): void;
  /** Says how many lines were dropped, if any. */
  settle(): void;
}

export function createLog(stream: Stream, limits: SandboxLimits, guestNow: () => number): Log {
  let windowFrom = 0;
  let lines = 0;
  let dropped = 0;
  const cut = (text: string): string =>
    text.length > limits.logLineChars
      ? `${slice(text, 0, limits.logLineChars)}… (cut, ${text.length} characters)`
      : text;

  function settle(): void {
    if (dropped > 0) stream.event(['n', dropped]);
    dropped = 0;
  }

  return {
    write(level, text, fields) {
      const at = now();
      if (at - windowFrom >= WINDOW_MS) {
        settle();
        windowFrom = at;
        lines = 0;
      }
      if (++lines > limits.logLinesPer10s) {
        dropped += 1;
        return;
      }
      const kept = fields !== null && fields.length > limits.logLineChars ? null : fields;
      stream.event(['l', level, cut(text), kept, guestNow()]);
    },
    settle,
  };
}

/** One argument of `console.log` as a person wants to read it. */
export function show(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'function') return '[function]';
    return apply(SafeString, undefined, [value]);
  }
  try {
    if (value instanceof SafeError) {
      const stack = (value as { stack?: unknown }).stack;
      return typeof stack === 'string' ? stack : `${value.name}: ${value.message}`;
    }
    if (value instanceof SafeMap) return `Map ${stringify([...value])}`;
    if (value instanceof SafeSet) return `Set ${stringify([...value])}`;
    return stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item)) ?? '[object]';
  } catch {
    return isArray(value) ? '[array]' : '[object]';
  }
}
