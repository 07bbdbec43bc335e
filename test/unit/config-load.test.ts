import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fixedEnvironment } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/load.ts';
import { load } from '../support/config.ts';
import { folderWith } from '../support/folder.ts';

const ONE = { 'a.py': '' };

describe('a configuration', () => {
  test('with one worker gets every default', () => {
    const { options, workers, sidecars, folder } = load('workers: [{file: a.py}]', ONE);
    expect(options.dataDir).toBe(join(folder, '.runtime'));
    expect(options).toMatchObject({
      minIntervalMs: 1_000,
      spread: true,
      http: { allowPrivate: [], timeoutMs: 30_000 },
    });
    expect(sidecars).toEqual([]);
    expect(workers).toEqual([
      {
        enabled: true,
        options: {
          name: 'a',
          workspace: 'default',
          source: { kind: 'file', file: join(folder, 'a.py') },
          schedule: { kind: 'interval', intervalMs: 10_000 },
          maxErrors: 5,
          params: {},
          tickTimeoutMs: 60_000,
          setupTimeoutMs: 60_000,
          onErrorTimeoutMs: 10_000,
          isolation: 'shared',
        },
      },
    ]);
  });

  test('takes a worker setting before the default of all workers before the built-in one', () => {
    const { workers } = load(
      'defaults: {interval: 5s, maxErrors: 9, memory: 128MiB}\nworkers: [{file: a.py, interval: 1m}, {file: b.ts}]',
      { ...ONE, 'b.ts': '' },
    );
    expect(workers.map(({ options }) => options.schedule)).toEqual([
      { kind: 'interval', intervalMs: 60_000 },
      { kind: 'interval', intervalMs: 5_000 },
    ]);
    expect(workers[0]?.options).toMatchObject({ maxErrors: 9, memoryBytes: 128 * 2 ** 20, isolation: 'shared' });
  });

  test('gives cron workers UTC and no catching up unless it says otherwise', () => {
    const { workers } = load(
      'workers: [{file: a.py, cron: "*/5 * * * *"}, {name: b, file: a.py, cron: "0 0 3 * * 1", timezone: Europe/Berlin, catchUp: one}]',
      ONE,
    );
    expect(workers.map(({ options }) => options.schedule)).toEqual([
      { kind: 'cron', expression: '*/5 * * * *', timezone: 'UTC', catchUp: 'none' },
      { kind: 'cron', expression: '0 0 3 * * 1', timezone: 'Europe/Berlin', catchUp: 'one' },
    ]);
  });

  test('written as JSON, with tabs, is read the same', () => {
    const { workers } = load(
      '{\n\t"$schema": "./s.json",\n\t"workers": [\n\t\t{"file": "a.py", "interval": "2s"}\n\t]\n}\n',
      ONE,
    );
    expect(workers[0]?.options.schedule).toEqual({ kind: 'interval', intervalMs: 2_000 });
  });

  test('finds every worker in a folder and leaves out modules, types and those that are listed', () => {
    const files = [
      'price_alert.py',
      'b.ts',
      'c.mjs',
      '_shared.py',
      'ctx.d.ts',
      'ctx.pyi',
      'notes.md',
      'bot/worker.js',
      'lib/x.js',
    ];
    const { workers } = load(
      'workersFolder: ./w\nworkers: [{file: w/b.ts, interval: 3s}]',
      Object.fromEntries(files.map((file) => [`w/${file}`, ''])),
    );
    expect(workers.map(({ options }) => options.name)).toEqual(['b', 'bot', 'c', 'price-alert']);
    expect(workers[0]?.options.schedule).toEqual({ kind: 'interval', intervalMs: 3_000 });
  });

  test('allows shorter intervals where the platform does', () => {
    const { workers, options } = load('schedule: {minInterval: 50ms}\nworkers: [{file: a.py, interval: 100ms}]', ONE);
    expect(options.minIntervalMs).toBe(50);
    expect(workers[0]?.options.schedule).toEqual({ kind: 'interval', intervalMs: 100 });
  });

  test('resolves sidecars relative to its own folder', () => {
    const { sidecars, folder } = load(
      'workers: [{file: a.py}]\nsidecars: [{name: s, command: [node, s.mjs], cwd: sub, ready: "http://127.0.0.1:9/"}]',
      { ...ONE, 'sub/s.mjs': '' },
    );
    expect(sidecars).toEqual([
      {
        name: 's',
        command: ['node', 's.mjs'],
        cwd: join(folder, 'sub'),
        ready: 'http://127.0.0.1:9/',
        readyTimeoutMs: 20_000,
      },
    ]);
  });

  test('that does not exist is named together with the way to make one', () => {
    const file = join(folderWith(), 'runtime.yaml');
    expect(() => loadConfig(file, fixedEnvironment({}))).toThrow(/no configuration at .*runtime init/);
  });

  test('that is a folder is refused', () => {
    expect(() => loadConfig(folderWith(), fixedEnvironment({}))).toThrow(/is a folder/);
  });
});
