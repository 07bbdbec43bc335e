/** Errors that the prelude raises in user code, and the description of anything that user code throws. */
import type { GuestError } from '../protocol.ts';
import type { CodedError } from './contract.guest.ts';
import { apply, defineValue, SafeError, SafeString, slice } from './primordials.guest.ts';

const NAME_CHARS = 128;
/** Of a message with its name before it and the sign that it was cut. */
const LINE_CHARS = 4_096;
const MESSAGE_CHARS = LINE_CHARS - NAME_CHARS - ': …'.length;
const STACK_CHARS = 16_384;

/** The class name a worker sees for an engine code. */
const NAMES: Readonly<Record<string, string>> = {
  __proto__: null as never,
  TICK_TIMEOUT: 'TickTimeoutError',
  STATE_LIMIT: 'StateError',
  STATE_INVALID: 'StateError',
  NOT_CONNECTED: 'NotConnectedError',
};

export function fault(code: string, message: string): CodedError {
  const error = new SafeError(message) as CodedError;
  defineValue(error, 'name', NAMES[code] ?? 'CallError', false);
  defineValue(error, 'code', code, true);
  return error;
}

/** Rebuilds an error from data, for an `on_error` that runs in another sandbox than the one that threw. */
export function rebuild(data: GuestError): Error {
  const error = new SafeError(data.message);
  defineValue(error, 'name', data.name, false);
  defineValue(error, 'stack', data.stack, false);
  return error;
}

/**
 * Gives an error the stack that names the user's own files. It may be frozen, or a proxy whose traps are user code: they run in
 * the call that gets the error, under its time limit.
 */
export function showStack(thrown: unknown, stack: string): void {
  if (typeof thrown !== 'object' || thrown === null) return;
  try {
    defineValue(thrown, 'stack', stack, false);
  } catch {
    // It keeps the one that it has.
  }
}

function wholeTextOf(read: () => unknown, fallback: string): string {
  try {
    const value = read();
    return typeof value === 'string' ? value : apply(SafeString, undefined, [value]);
  } catch {
    return fallback;
  }
}

const cut = (text: string, max: number): string => (text.length > max ? `${slice(text, 0, max)}…` : text);

const textOf = (read: () => unknown, max: number, fallback: string): string => cut(wholeTextOf(read, fallback), max);

/** V8 begins a stack with the whole message: what was cut from one is cut from the other. */
function stackOf(error: Record<string, unknown>, message: string, shown: string): string {
  const stack = wholeTextOf(() => error['stack'] ?? '', '');
  if (message === shown) return cut(stack, STACK_CHARS);
  for (let at = 0; at <= NAME_CHARS + 2; at++)
    if (slice(stack, at, at + message.length) === message)
      return cut(`${slice(stack, 0, at)}${shown}${slice(stack, at + message.length)}`, STACK_CHARS);
  return cut(stack, STACK_CHARS);
}

/** Getters and proxies may run user code here: it is caught, and the caller's time limit bounds it. */
export function describe(thrown: unknown): GuestError {
  if (typeof thrown === 'object' && thrown !== null) {
    const error = thrown as Record<string, unknown>;
    const name = textOf(() => error['name'] ?? 'Error', NAME_CHARS, 'Error');
    const whole = wholeTextOf(() => error['message'] ?? thrown, '(an error that cannot be described)');
    const message = cut(whole, MESSAGE_CHARS);
    return { name, message, stack: stackOf(error, whole, message) };
  }
  return { name: 'Error', message: `thrown: ${textOf(() => thrown, MESSAGE_CHARS, typeof thrown)}`, stack: '' };
}
