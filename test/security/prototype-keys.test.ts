/** Names that every object of JavaScript has are ordinary names wherever a worker or a person chooses one: they come back as they went in. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRuntime, type LogRecord, type Runtime, type TickRecord } from '../../src/index.ts';
import { createProbeAdapter } from '../support/probe-adapter.ts';
import { createTempFolder, type TempFolder } from '../support/temp-folder.ts';

const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'hasOwnProperty',
  'toJSON',
  'then',
  'length',
];
/** Own keys of these names, `__proto__` among them; JSON, as it would come from anywhere. */
const ODD = `{${NAMES.map((name) => `"${name}":{"polluted":"${name}"}`).join(',')}}`;

const JS = `
const NAMES = ${JSON.stringify(NAMES)};
const ODD = ${JSON.stringify(ODD)};
import read from './__proto__.js';
import also from './constructor.js';
export async function tick(ctx) {
  const got = {};
  ctx.state.update(JSON.parse(ODD));
  for (const name of NAMES) ctx.state.set('own ' + name, JSON.parse(ODD));
  got.keys = NAMES.every((name) => ctx.state.keys().includes(name) && ctx.state.get(name).polluted === name);
  got.all = NAMES.every((name) => Object.hasOwn(ctx.state.getAll(), name));
  got.params = JSON.stringify(ctx.params);
  ctx.log.info('odd', JSON.parse(ODD));
  got.echo = JSON.stringify(await ctx.probe.echo({ value: JSON.parse(ODD) }));
  got.files = read + also;
  got.refused = [];
  for (const name of NAMES)
    for (const call of [() => ctx.probe[name]?.(1), () => ctx[name]?.probe(1)])
      try { await call(); } catch (error) { got.refused.push(error.code ?? error.name); }
  got.clean = NAMES.every((name) => ({}).polluted === undefined && [].polluted === undefined);
  ctx.state.set('got', got);
}`;

const PY = `
import json
import __proto__
import constructor
NAMES = ${JSON.stringify(NAMES)}
ODD = json.loads(${JSON.stringify(ODD)})
def tick(ctx):
    got = {}
    ctx.state.update(ODD)
    for name in NAMES:
        ctx.state.set("own " + name, ODD)
    got["keys"] = all(name in ctx.state.keys() and ctx.state.get(name) == {"polluted": name} for name in NAMES)
    got["all"] = all(name in ctx.state.get_all() for name in NAMES)
    got["params"] = json.dumps(ctx.params, separators=(",", ":"))
    ctx.log.info("odd", ODD)
    got["echo"] = json.dumps(ctx.probe.echo(value=ODD), separators=(",", ":"))
    got["files"] = __proto__.TEXT + constructor.TEXT
    got["clean"] = True
    ctx.state.set("got", got)
`;

let folder: TempFolder;
let runtime: Runtime;
const ticks: TickRecord[] = [];
const logs: LogRecord[] = [];

beforeAll(async () => {
  folder = await createTempFolder();
  runtime = createRuntime({ dataDir: folder.path, adapters: [createProbeAdapter()] });
  runtime.on('log', (record) => logs.push(record));
  await runtime.start();
});
afterAll(async () => {
  await runtime.stop({ now: true });
  await folder.remove();
});

async function firstTick(name: string, workspace?: string): Promise<TickRecord> {
  const id = `${workspace ?? 'default'}/${name}`;
  const ticked = new Promise<TickRecord>((resolve) => {
    runtime.on('tick', (record) => {
      ticks.push(record);
      if (record.worker === id) resolve(record);
    });
  });
  await runtime.startWorker(id);
  return ticked;
}

describe('names that every object has', () => {
  const FILES = {
    js: [
      { path: 'w.js', text: JS },
      { path: '__proto__.js', text: 'export default "one ";' },
      { path: 'constructor.js', text: 'export default "two";' },
    ],
    py: [
      { path: 'w.py', text: PY },
      { path: '__proto__.py', text: 'TEXT = "one "' },
      { path: 'constructor.py', text: 'TEXT = "two"' },
    ],
  } as const;
  for (const [language, files] of Object.entries(FILES))
    it(`are keys of state, parameters, log fields, arguments, answers and files of a worker in ${language}`, async () => {
      const name = `odd-${language}`;
      await runtime.deploy({
        name,
        source: { kind: 'files', entry: `w.${language}`, files },
        params: JSON.parse(ODD) as Record<string, unknown>,
      });
      expect(await firstTick(name)).toMatchObject({ outcome: 'ok', errorMessage: null });
      await runtime.stopWorker(name);
      const state = await runtime.readState(name);
      expect(Object.keys(state).toSorted()).toEqual([...NAMES, ...NAMES.map((one) => `own ${one}`), 'got'].toSorted());
      for (const one of NAMES) {
        expect(Object.getOwnPropertyDescriptor(state, one)?.value).toEqual({ polluted: one });
        expect(JSON.stringify(state[`own ${one}`])).toBe(ODD);
      }
      expect(state['got']).toMatchObject({
        keys: true,
        all: true,
        clean: true,
        params: ODD,
        echo: ODD,
        files: 'one two',
      });
      const line = logs.find((log) => log.worker === `default/${name}` && log.text === 'odd');
      expect(JSON.stringify(JSON.parse(line?.fields ?? ''))).toBe(ODD);
    }, 60_000);

  it('are names of workers and workspaces where they fit the pattern, and are refused as such where they do not', async () => {
    const text = 'export function tick(ctx) { ctx.state.set("n", ctx.worker.name); }';
    for (const name of NAMES) {
      const source = { kind: 'files', entry: 'w.js', files: [{ path: 'w.js', text }] } as const;
      const workspace = name.toLowerCase();
      const code = await runtime.deploy({ name: workspace, workspace, source }).then(
        () => 'ok',
        (error: { code?: unknown }) => String(error.code),
      );
      if (code !== 'ok') {
        expect([name, code]).toEqual([
          name,
          expect.stringMatching(/^(CONFIG_INVALID|WORKER_INVALID|BAD_ARGUMENT|OPTIONS_INVALID)$/),
        ]);
        continue;
      }
      expect(await firstTick(workspace, workspace)).toMatchObject({ outcome: 'ok' });
      await runtime.stopWorker(`${workspace}/${workspace}`);
      expect(await runtime.readState(`${workspace}/${workspace}`)).toEqual({ n: workspace });
    }
    for (const name of NAMES) expect(() => runtime.worker(name)).toThrow();
  }, 60_000);

  it('have changed nothing for the node', () => {
    expect('polluted' in {}).toBe(false);
    expect('polluted' in []).toBe(false);
    expect('polluted' in (() => undefined)).toBe(false);
    expect({}.toString()).toBe('[object Object]');
  });
});
