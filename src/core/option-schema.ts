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
    if (nearest !== undefined) return `unknown option ${key}; did you mean ${nearest}?`;
    return `unknown option ${key}${known.length === 0 ? '' : `; known are ${known.join(', ')}`}`;
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
  const issue = schema.safeParse(value, { error: plainIssue }).error?.issues[0];
  if (issue === undefined) return undefined;
  const at = issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`;
  return `${where}${at}: ${issue.message}`;
}

/** In plain words, for schemas that have no words of their own. */
export function plainIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type': {
      const expected = EXPECTED[issue.expected] ?? issue.expected;
      return issue.input === undefined
        ? `is missing; it is ${expected}`
        : `must be ${expected}, not ${shown(issue.input)}`;
    }
    case 'invalid_value':
      return `must be ${issue.values.map(String).join(' or ')}, not ${shown(issue.input)}`;
    case 'too_small':
      return bound('least', issue.minimum, issue.origin);
    case 'too_big':
      return bound('most', issue.maximum, issue.origin);
    case 'unrecognized_keys':
      return unknownOptions(issue.keys, keysOf(issue.inst));
    default:
      return undefined;
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

function bound(which: 'least' | 'most', limit: number | bigint, origin: string): string {
  if (origin !== 'string' && origin !== 'array') return `must be at ${which} ${limit}`;
  if (which === 'least' && Number(limit) === 1) return 'must not be empty';
  return `must have at ${which} ${limit} ${origin === 'string' ? 'characters' : 'elements'}`;
}

function keysOf(schema: unknown): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
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
