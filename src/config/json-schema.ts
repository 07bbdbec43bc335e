/** The JSON Schema that editors use for completion and checks, made from the one declaration of the settings. */
import { z } from 'zod';
import { configSchema } from './schema.ts';

export interface JsonSchemaNode {
  readonly properties?: Readonly<Record<string, JsonSchemaNode>>;
  readonly items?: JsonSchemaNode;
  readonly [keyword: string]: unknown;
}

/** Also allowed wherever something else than free text is wanted: the value comes from outside. */
const REFERENCE = { type: 'string', pattern: '\\$\\{(env|file):' };
/** Keywords that say something to people; they stay beside the choice, not inside it. */
const ANNOTATIONS = new Set(['description', 'default']);

/** JSON Schema (draft 7) of the configuration file. */
export function configJsonSchema(): JsonSchemaNode {
  const schema = z.toJSONSchema(configSchema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => allowReference(jsonSchema),
  });
  return { ...(schema as JsonSchemaNode), title: 'Tick Runtime configuration' };
}

function allowReference(node: { type?: unknown; anyOf?: unknown; [keyword: string]: unknown }): void {
  const { type } = node;
  const restricted =
    type === 'integer' || type === 'boolean' || 'pattern' in node || 'enum' in node || 'format' in node;
  if (!restricted) return;
  const choice: Record<string, unknown> = {};
  for (const [keyword, value] of Object.entries(node)) {
    if (ANNOTATIONS.has(keyword)) continue;
    choice[keyword] = value;
    delete node[keyword];
  }
  node.anyOf = [choice, REFERENCE];
}

/** The keys that may stand at a path of the configuration; empty where anything may. */
export function knownKeys(schema: JsonSchemaNode, path: readonly PropertyKey[]): string[] {
  let node: JsonSchemaNode | undefined = schema;
  for (const step of path) node = typeof step === 'number' ? node?.items : node?.properties?.[String(step)];
  return Object.keys(node?.properties ?? {});
}

/** Where else a key is known, as people write it: `defaults`, `workers[]`. */
export function placesOfKey(schema: JsonSchemaNode, key: string, at = ''): string[] {
  const places: string[] = [];
  if (at !== '' && schema.properties?.[key] !== undefined) places.push(at);
  for (const [property, child] of Object.entries(schema.properties ?? {})) {
    const path = at === '' ? property : `${at}.${property}`;
    places.push(...placesOfKey(child, key, path));
    if (child.items !== undefined) places.push(...placesOfKey(child.items, key, `${path}[]`));
  }
  return places;
}

/** Every key that is known below the top level. */
export function allKeys(schema: JsonSchemaNode): string[] {
  const children = [...Object.values(schema.properties ?? {}), ...(schema.items === undefined ? [] : [schema.items])];
  return children.flatMap((child) => [...Object.keys(child.properties ?? {}), ...allKeys(child)]);
}
