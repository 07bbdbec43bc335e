/**
 * Every attack of test/security/corpus against the real engine, beside workers that must not notice. A hole that is
 * closed adds a file there.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, type ExpectStatic, expect, it } from 'vitest';
import { createRuntime, type LogRecord, type Runtime, type TickRecord } from '../../src/index.ts';
import { type Attack, readCorpus } from '../support/attack.ts';
import { LoopWatch } from '../support/loop-watch.ts';
import { createProbeAdapter } from '../support/probe-adapter.ts';
import { createTempFolder, type TempFolder } from '../support/temp-folder.ts';

const CANARIES = {
  'canary-js': {
    entry: 'canary.js',
    text: `export function tick(ctx) { ctx.state.set('n', ctx.state.get('n', 0) + 1); }`,
  },
  'canary-py': { entry: 'canary.py', text: `def tick(ctx):\n    ctx.state.set("n", ctx.state.get("n", 0) + 1)\n` },
} as const;
const INTERVAL_MS = 1_000;
/** From the loss of its cell until a canary waits for its next tick. */
const RECOVERY_MS = 5_000;
/** Longest time between two good ticks, with cells lost all the time and both processors busy. */
const GAP_MS_MAX = 20_000;
const ATTACK_TIMEOUT_MS = 60_000;
/** Name, message and stack of an error together, and a little for the words around them. */
const ERROR_CHARS_MAX = 128 + 4_096 + 16_384 + 512;

const secret = `host-secret-${randomBytes(16).toString('hex')}`;
const pid = process.pid;

let folder: TempFolder;
let runtime: Runtime;
let loop: LoopWatch;
const ticks: TickRecord[] = [];
const logs: LogRecord[] = [];
const cells = new Set<number>();
const engineLines: string[] = [];
const lostAt = new Map<string, number>();
const recoveries: { readonly worker: string; readonly ms: number }[] = [];
const listeners = new Set<() => void>();

function hasEnded(worker: string): boolean {
  return endOf(worker) !== null;
}

/** How the attack ended: its first run that was not lost through someone else's fault, or that it never loaded. */
function endOf(worker: string): string | null {
  const record = ticks.find((tick) => tick.worker === worker && tick.errorCode !== 'CELL_LOST');
  if (record !== undefined) return record.errorCode === null ? record.outcome : `${record.outcome} ${record.errorCode}`;
  const { state } = runtime.worker(worker);
  if (state === 'invalid') return 'invalid';
  return state === 'failed' ? 'load' : null;
}

function until(condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!condition()) return;
      listeners.delete(look);
      resolve();
    };
    listeners.add(look);
    look();
  });
}

async function run(attack: Attack): Promise<string> {
  const id = `default/${attack.name}`;
  try {
    await runtime.deploy({
      name: attack.name,
      source: { kind: 'files', entry: attack.file, files: [{ path: attack.file, text: attack.code }] },
      schedule: { kind: 'interval', intervalMs: INTERVAL_MS },
      maxErrors: 1,
      params: { canaryFile: join(folder.path, 'canary.txt'), pid },
      tickTimeoutMs: attack.timeoutMs,
      setupTimeoutMs: attack.timeoutMs,
      onErrorTimeoutMs: 500,
      memoryBytes: attack.memoryMiB * 1_048_576,
    });
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
  await runtime.startWorker(attack.name);
  await until(() => hasEnded(id));
  const end = endOf(id) ?? '';
  // A worker that fails at its first error calls on_error before it rests.
  if (!end.startsWith('ok')) await until(() => ['failed', 'invalid'].includes(runtime.worker(attack.name).state));
  return end;
}

function checkTexts(attack: Attack, expect: ExpectStatic): void {
  const id = `default/${attack.name}`;
  const errors = ticks.filter((tick) => tick.worker === id).map((tick) => tick.errorMessage ?? '');
  const lines = logs.filter((line) => line.worker === id).flatMap((line) => [line.text, line.fields ?? '']);
  for (const text of errors) expect(text.length).toBeLessThanOrEqual(ERROR_CHARS_MAX);
  for (const text of [...errors, ...lines, runtime.worker(attack.name).reason ?? '']) {
    expect(text).not.toContain(process.cwd());
    expect(text).not.toContain(pathToFileURL('/').href);
    expect(text).not.toContain('node:internal');
    expect(text).not.toContain(secret);
  }
}

beforeAll(async () => {
  folder = await createTempFolder();
  writeFileSync(join(folder.path, 'canary.txt'), secret);
  process.env['TICK_RUNTIME_CANARY'] = secret;
  runtime = createRuntime({
    dataDir: join(folder.path, 'data'),
    adapters: [createProbeAdapter()],
    spread: false,
    log: (level, message) => engineLines.push(`${level} ${message}`),
  });
  const notify = (): void => {
    for (const look of [...listeners]) look();
  };
  await runtime.start();
  runtime.on('cell', (event) => cells.add(event.pid));
  runtime.on('log', (record) => logs.push(record));
  runtime.on('tick', (record) => {
    ticks.push(record);
    notify();
  });
  runtime.on('worker', ({ worker, to }) => {
    if (to === 'recovering') lostAt.set(worker, lostAt.get(worker) ?? performance.now());
    const since = lostAt.get(worker);
    if (to === 'waiting' && since !== undefined) {
      recoveries.push({ worker, ms: performance.now() - since });
      lostAt.delete(worker);
    }
    notify();
  });
  for (const [name, { entry, text }] of Object.entries(CANARIES)) {
    await runtime.deploy({
      name,
      source: { kind: 'files', entry, files: [{ path: entry, text }] },
      schedule: { kind: 'interval', intervalMs: INTERVAL_MS },
    });
    await runtime.startWorker(name);
  }
  await until(() => Object.keys(CANARIES).every((name) => hasEnded(`default/${name}`)));
  loop = new LoopWatch();
}, ATTACK_TIMEOUT_MS);

afterAll(async () => {
  delete process.env['TICK_RUNTIME_CANARY'];
  await runtime.stop({ now: true });
  await folder.remove();
});

describe.concurrent('an attack ends as declared and leaks nothing', () => {
  for (const attack of readCorpus())
    it(
      `${attack.file}: ${attack.what}`,
      // With tests that run at the same time, each has an `expect` of its own.
      async ({ expect }) => {
        const end = await run(attack);
        if (end === 'CODE_INVALID') return expect(attack.expect).toContain(end);
        const report = { end, errors: ticks.filter((tick) => tick.worker === `default/${attack.name}`) };
        if (!attack.expect.includes(end)) expect(report).toEqual({ end: attack.expect });
        checkTexts(attack, expect);
        const state = await runtime.readState(attack.name);
        expect(state['found'] ?? []).toEqual([]);
        if (attack.writesState) expect(state['before']).toBe('kept');
        expect(JSON.stringify(state)).not.toContain(secret);
        await runtime.removeWorker(attack.name, { now: true });
      },
      ATTACK_TIMEOUT_MS,
    );
});

describe('after all attacks', () => {
  for (const name of Object.keys(CANARIES))
    it(`${name} was never charged, and ticked all the time but for lost cells`, async () => {
      const seen = ticks.length;
      await until(() =>
        ticks.slice(seen).some(({ worker, outcome }) => worker === `default/${name}` && outcome === 'ok'),
      );
      const mine = ticks.filter((tick) => tick.worker === `default/${name}`);
      expect(mine.filter((tick) => tick.outcome !== 'ok' && tick.errorCode !== 'CELL_LOST')).toEqual([]);
      const good = mine.filter((tick) => tick.outcome === 'ok');
      const gaps = good.slice(1).map((tick, index) => tick.startedAt - (good[index] as TickRecord).startedAt);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(GAP_MS_MAX);
      const slow = recoveries.filter(({ worker, ms }) => worker === `default/${name}` && ms > RECOVERY_MS);
      expect(slow).toEqual([]);
      expect(runtime.worker(name).consecutiveErrors).toBe(0);
      expect((await runtime.readState(name))['n']).toBeGreaterThanOrEqual(good.length);
    });

  it('the event loop of the node was never held up for long', () => {
    const { p99, max, busiest } = loop.stop();
    expect(busiest).toBeLessThan(500);
    // The attacks burn both processors, and take some of this too.
    expect(p99).toBeLessThan(200);
    expect(max).toBeLessThan(5_000);
  });

  it('no prototype of the node was touched, and the engine itself never broke', () => {
    for (const key of ['polluted', 'toJSON', 'get', 'json', '0']) expect(key in {}).toBe(false);
    expect('0' in []).toBe(false);
    // The probe's own mistake is told to the operator, and to nobody else.
    const broken = engineLines.filter((line) => line.startsWith('error') && !line.includes('a mistake of the host'));
    expect(broken).toEqual([]);
  });

  it('no cell is left when the engine has stopped', async () => {
    await runtime.stop({ now: true });
    expect(process.pid).toBe(pid);
    expect(cells.size).toBeGreaterThan(0);
    expect([...cells].filter((cell) => existsSync(`/proc/${cell}/environ`))).toEqual([]);
  });
});
