import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { STARTER_FILES } from '../../src/cli/starter.ts';
import { configJsonSchema, type JsonSchemaNode } from '../../src/config/json-schema.ts';
import { configSchema } from '../../src/config/schema.ts';

/** An editor's view: the JSON Schema alone, read by another route than the one it was made from. */
const editor = z.fromJSONSchema(configJsonSchema() as Parameters<typeof z.fromJSONSchema>[0]);

const FULL = `
$schema: ./runtime.schema.json
data: ./d
http: {allowPrivate: ["127.0.0.1:8080"], timeout: 5s, responseMax: 1MiB, concurrentPerWorker: 2}
cells: {max: 4, memory: 256MiB, workersPerCell: {javascript: 10, python: 2}, residentPython: 3}
sandbox: {jail: required}
schedule: {spread: false, minInterval: 100ms}
retention: {ticksPerWorker: 10, failedTickDays: 1, logSize: 1MiB, logDays: 1, diskSize: 64MiB}
defaults: {interval: 1m, maxErrors: "\${env:MAX:-3}", timezone: UTC}
workersFolder: ./w
workers:
  - {name: a, file: a.py, cron: "* * * * *", timezone: UTC, catchUp: one, maxErrors: 1, params: {x: [1, null]}, timeout: 1s,
     setupTimeout: 1s, onErrorTimeout: 1s, memory: 64MiB, isolation: dedicated, enabled: "\${env:ON}", workspace: w}
sidecars: [{name: s, command: [node, x.mjs], cwd: ., ready: "http://127.0.0.1:1/", readyTimeout: 1s}]
`;

describe('the JSON Schema for editors', () => {
  test.each([
    ['the starter of runtime init', STARTER_FILES['runtime.yaml'] ?? ''],
    ['a configuration with every setting', FULL],
    ['the smallest one', 'workers: [{file: a.py}]'],
  ])('accepts %s', (_, text) => expect(editor.safeParse(parse(text)).error).toBeUndefined());

  test.each([
    ['an unknown key', 'workers: [{file: a.py, intervall: 1s}]'],
    ['a duration without a unit', 'workers: [{file: a.py, interval: "10"}]'],
    ['a wrong choice', 'workers: [{file: a.py, isolation: own}]'],
    ['a number out of range', 'workers: [{file: a.py, maxErrors: 0}]'],
    ['a worker without a file', 'workers: [{name: a}]'],
  ])('refuses %s', (_, text) => expect(editor.safeParse(parse(text)).success).toBe(false));

  test('describes every setting', () => {
    const missing: string[] = [];
    const visit = (node: JsonSchemaNode, path: string) => {
      for (const [key, child] of Object.entries(node.properties ?? {})) {
        if (typeof child.description !== 'string') missing.push(`${path}${key}`);
        visit(child, `${path}${key}.`);
      }
      if (node.items !== undefined) visit(node.items, path);
    };
    visit(configJsonSchema(), '');
    expect(missing).toEqual([]);
  });

  test('allows the same top-level keys as the declaration', () => {
    expect(Object.keys(configJsonSchema().properties ?? {}).sort()).toEqual(Object.keys(configSchema.shape).sort());
  });
});
