/** Schemas for what a program hands in: their messages name the option, what is wrong with it and what is allowed. */
import { z } from 'zod';
import { nearestName } from './nearest.ts';
import type { Range } from './ranges.ts';

/** An object without other keys; an unknown one is told the known name that is nearest. */
export function optionsOf<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') return unknownOptions(issue.keys, known);
      return issue.code === 'invalid_type' ? `must be an object with ${known.join(', ')}` : undefined;
    },
  });
}

function unknownOptions(keys: readonly string[], known: readonly string[]): string {
  const advice = keys.map((key) => {
    const nearest = nearestName(key, known);
    return `unknown option ${key}; ${nearest === undefined ? `known are ${known.join(', ')}` : `did you mean ${nearest}?`}`;
  });
  return advice.join(' ');
}

/** Whole: a count or bytes; otherwise a number of milliseconds. */
export function numberIn([min, max]: Range, whole = true): z.ZodType<number> {
  const what = whole ? 'a whole number' : 'a number';
  const error = (issue: z.core.$ZodRawIssue) => `must be ${what} from ${min} to ${max}, not ${shown(issue.input)}`;
  return (whole ? z.int({ error }) : z.number({ error })).min(min, { error }).max(max, { error });
}

/** An object of any class with these methods; it is used as it is, never copied. */
export function withMethods<Type extends object>(methods: readonly (keyof Type & string)[], what: string) {
  const error = (issue: z.core.$ZodRawIssue): string => {
    const missing = methods.filter((name) => !hasMethod(issue.input, name));
    return `must be ${what}: it has no ${missing.map((name) => `${name}()`).join(', ')}`;
  };
  return z.custom<Type>((value) => methods.every((name) => hasMethod(value, name)), { error });
}

/** `what`: the parameters, for the message. */
export const functionOf = (what: string) =>
  z.custom((value) => typeof value === 'function', { error: `must be a function ${what}` });

/** `createRuntime at cells.max: must be …`; undefined when nothing is wrong. */
export function problemOf(schema: z.ZodType, value: unknown, where: string): string | undefined {
  const issue = schema.safeParse(value).error?.issues[0];
  if (issue === undefined) return undefined;
  const at = issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`;
  return `${where}${at}: ${issue.message}`;
}

function hasMethod(value: unknown, name: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return typeof Reflect.get(value, name) === 'function';
}

function shown(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  return value === null ? 'null' : `a value of type ${typeof value}`;
}
