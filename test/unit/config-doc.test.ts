/** docs/config.md explains every setting that the schema declares, under the part of the file that it belongs to. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configJsonSchema, type JsonSchemaNode } from '../../src/config/json-schema.ts';

const PAGE = readFileSync(new URL('../../docs/config.md', import.meta.url), 'utf8');

/** Section of the page → the settings that it has a row for. */
function documented(): Map<string, Set<string>> {
  const sections = new Map<string, Set<string>>();
  for (const section of PAGE.split(/^## /m).slice(1)) {
    const title = section.split('\n', 1)[0] ?? '';
    const rows = [...section.matchAll(/^\| `([$\w.]+)` +\|/gm)].map(([, key]) => key ?? '');
    sections.set(title, new Set(rows));
  }
  return sections;
}

/** `workersPerCell.python` for what lies deeper. */
function keysOf(node: JsonSchemaNode | undefined, prefix = ''): string[] {
  return Object.entries(node?.properties ?? {}).flatMap(([key, child]) =>
    child.properties === undefined ? [`${prefix}${key}`] : keysOf(child, `${prefix}${key}.`),
  );
}

test('the page has a row for every setting, and none for what is not a setting', () => {
  const schema = configJsonSchema();
  const { properties = {} } = schema;
  const workers = keysOf(properties['workers']?.items);
  const defaults = keysOf(properties['defaults']);
  const expected = new Map<string, Set<string>>([
    ['The file', new Set(Object.keys(properties))],
    ['Settings of a worker', new Set([...defaults, ...workers])],
    ['http', new Set(keysOf(properties['http']))],
    ['cells', new Set(keysOf(properties['cells']))],
    ['sandbox', new Set(keysOf(properties['sandbox']))],
    ['schedule', new Set(keysOf(properties['schedule']))],
    ['retention', new Set(keysOf(properties['retention']))],
    ['sidecars', new Set(keysOf(properties['sidecars']?.items))],
    ['postgres', new Set(keysOf(properties['postgres']))],
    ['redis', new Set(keysOf(properties['redis']))],
    ['state', new Set(keysOf(properties['state']))],
    ['placement', new Set(keysOf(properties['placement']))],
  ]);
  const found = documented();
  for (const [section, keys] of expected) expect(found.get(section), section).toEqual(keys);
  const parts = Object.entries(properties)
    .filter(([, node]) => node.properties !== undefined)
    .map(([key]) => key);
  const sections = [
    'cells',
    'defaults',
    'http',
    'placement',
    'postgres',
    'redis',
    'retention',
    'sandbox',
    'schedule',
    'state',
  ];
  expect(sections).toEqual(parts.sort());
});
