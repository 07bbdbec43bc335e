/** From a readable document to a {@link Config}: the schema's findings become problems with a place and an advice. */
import type { z } from 'zod';
import { nearestName } from '../core/nearest.ts';
import type { Interpolated } from './interpolate.ts';
import { allKeys, configJsonSchema, type JsonSchemaNode, knownKeys, placesOfKey } from './json-schema.ts';
import type { ConfigProblem } from './problems.ts';
import { type Config, configSchema } from './schema.ts';
import type { ConfigSource, Path } from './source.ts';

export type Validated =
  | { readonly kind: 'ok'; readonly config: Config }
  | {
      readonly kind: 'invalid';
      readonly problems: readonly ConfigProblem[];
      /** What is left without the wrong values, where that is a configuration: more can be found in it. */
      readonly rest: Config | undefined;
    };

export function validate(source: ConfigSource, interpolated: Interpolated): Validated {
  let data: unknown;
  try {
    data = source.document.toJS() ?? {};
  } catch (error) {
    // Unknown aliases, and aliases that would expand without bound.
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'invalid', problems: [source.problemAt([], message)], rest: undefined };
  }
  let result = configSchema.safeParse(data, { error: explain });
  if (!result.success && convertReferences(data, result.error.issues, source, interpolated)) {
    result = configSchema.safeParse(data, { error: explain });
  }
  if (result.success) return { kind: 'ok', config: result.data };
  const known = configJsonSchema();
  const { issues } = result.error;
  for (const issue of issues) removeWrong(data, issue);
  return {
    kind: 'invalid',
    problems: issues.flatMap((issue) => toProblems(issue, source, known)),
    rest: configSchema.safeParse(data).data,
  };
}

function toProblems(issue: z.core.$ZodIssue, source: ConfigSource, known: JsonSchemaNode): ConfigProblem[] {
  if (issue.code !== 'unrecognized_keys') return [source.problemAt(issue.path, issue.message)];
  return issue.keys.map((key) => source.problemAt([...issue.path, key], unknownKey(key, issue.path, known), 'key'));
}

function removeWrong(data: unknown, issue: z.core.$ZodIssue): void {
  const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
  for (const path of paths) {
    const key = path.at(-1);
    const parent = parentOf(data, path);
    if (key === undefined || parent === undefined) continue;
    const standIn = standInFor(path);
    if (standIn === undefined) Reflect.deleteProperty(parent, key);
    else Reflect.set(parent, key, standIn);
  }
}

const STAND_IN = 'missing';
const STAND_IN_COMMAND = [STAND_IN];

/** For what an entry of a list cannot do without, so that the rest of the file is looked at too. Who looks knows which paths are wrong. */
function standInFor([list, index, key, ...deeper]: Path): unknown {
  if (typeof index !== 'number' || deeper.length > 0) return undefined;
  if (list === 'workers') return key === undefined ? { file: STAND_IN } : key === 'file' ? STAND_IN : undefined;
  if (list !== 'sidecars') return undefined;
  if (key === undefined) return { name: STAND_IN, command: STAND_IN_COMMAND };
  return key === 'name' ? STAND_IN : key === 'command' ? STAND_IN_COMMAND : undefined;
}

function unknownKey(key: string, path: Path, schema: JsonSchemaNode): string {
  const known = knownKeys(schema, path).filter((name) => name !== '$schema');
  const nearest = nearestName(key, known);
  if (nearest !== undefined) return `unknown key; did you mean ${nearest}?`;
  const similar = nearestName(key, allKeys(schema));
  if (similar !== undefined) {
    const meant = similar === key ? 'unknown key here; it' : `unknown key; did you mean ${similar}? That`;
    return `${meant} belongs in ${placesOfKey(schema, similar).join(' or ')}`;
  }
  return `unknown key; known here: ${known.join(', ')}`;
}

/** Messages for people. They never repeat the value: it may be a secret, and the place says which one it is. */
function explain(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? 'is missing'
        : `must be ${EXPECTED[issue.expected] ?? issue.expected}, not ${typeName(issue.input)}`;
    case 'invalid_value':
      return `must be ${issue.values.map(String).join(' or ')}`;
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? 'must not be empty'
        : `must be at least ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'string'
        ? `must have at most ${issue.maximum} characters`
        : `must be at most ${issue.maximum}`;
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'invalid_key':
    case 'invalid_union':
    case 'not_multiple_of':
    case 'unrecognized_keys':
      return undefined;
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of settings',
};

function typeName(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'number') return 'a number';
  return typeof value === 'boolean' ? 'true or false' : 'a map';
}

/** `maxErrors: ${env:MAX}` is text; where the schema wants a number or a boolean, that text is converted. */
function convertReferences(
  data: unknown,
  issues: readonly z.core.$ZodIssue[],
  source: ConfigSource,
  interpolated: Interpolated,
): boolean {
  let converted = false;
  for (const issue of issues) {
    if (issue.code !== 'invalid_type' || !interpolated.scalars.has(source.node(issue.path))) continue;
    const key = issue.path.at(-1);
    const parent = parentOf(data, issue.path);
    if (key === undefined || parent === undefined) continue;
    const value = convert(Reflect.get(parent, key), issue.expected);
    if (value === undefined) continue;
    Reflect.set(parent, key, value);
    converted = true;
  }
  return converted;
}

function parentOf(data: unknown, path: Path): object | undefined {
  let value: unknown = data;
  for (const step of path.slice(0, -1)) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined;
  }
  return typeof value === 'object' && value !== null ? value : undefined;
}

function convert(value: unknown, expected: string): number | boolean | undefined {
  if (expected === 'boolean') return value === 'true' ? true : value === 'false' ? false : undefined;
  if (expected !== 'number' && expected !== 'int') return undefined;
  return typeof value === 'string' && /^-?\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : undefined;
}
