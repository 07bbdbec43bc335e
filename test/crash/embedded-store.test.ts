import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type EmbeddedStores, openEmbeddedStores } from '../../src/store/embedded/open.ts';
import { createTempFolder, type TempFolder } from '../support/temp-folder.ts';

const CHILD = fileURLToPath(new URL('../support/commit-child.ts', import.meta.url));
const FULL_DISK_CHILD = fileURLToPath(new URL('../support/full-disk-child.ts', import.meta.url));
const KILLS = 20;
const WORKERS = 8;
/** Of acknowledgements; the kill comes after a random number below it, so at a random place within a group. */
const LINES_MAX = 4_000;

const open = (dataDir: string): Promise<EmbeddedStores> => openEmbeddedStores({ dataDir, log: () => {} });

interface Run {
  readonly child: ChildProcess;
  /** Everything printed so far. */
  readonly output: () => string;
}

/** Resolves when the child has printed as many lines. */
async function startChild(dataDir: string, lines: number): Promise<Run> {
  const child = spawn(process.execPath, [CHILD, dataDir, String(WORKERS)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  let seen = 0;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code, signal) => reject(new Error(`the child ended with ${code ?? signal}: ${errors}`)));
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      seen += text.split('\n').length - 1;
      if (seen >= lines) resolve();
    });
  });
  return { child, output: () => output };
}

async function killChild({ child }: Run): Promise<void> {
  const ended = once(child, 'close');
  child.kill('SIGKILL');
  await ended;
}

/** Highest acknowledged value of each worker. A last line that was cut off by the kill is not counted. */
function acknowledged(output: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of output.split('\n').slice(0, -1)) {
    const [worker, value] = line.split(' ');
    if (worker !== undefined && value !== undefined) values.set(worker, Number(value));
  }
  return values;
}

describe('the embedded store and kill -9', () => {
  let folder: TempFolder;

  beforeEach(async () => {
    folder = await createTempFolder();
  });

  afterEach(() => folder.remove());

  test(`loses no acknowledged commit in ${KILLS} kills in a row on the same folder`, { timeout: 120_000 }, async () => {
    const before = new Map<string, number>();
    for (let kill = 0; kill < KILLS; kill++) {
      const run = await startChild(folder.path, 2 + Math.floor(Math.random() * LINES_MAX));
      await killChild(run);
      const acked = acknowledged(run.output());
      const stores = await open(folder.path);
      for (let n = 0; n < WORKERS; n++) {
        const worker = `default/w${n}`;
        const stored = await stores.state.read(worker);
        const entries = new Map(stored?.entries);
        const value = Number(entries.get('n') ?? '0');
        const atLeast = acked.get(worker) ?? before.get(worker) ?? 0;
        // One commit of each worker may have been stored without its acknowledgement being seen.
        expect(value, `kill ${kill}: acknowledged ${atLeast} of ${worker}`).toBeGreaterThanOrEqual(atLeast);
        expect(value).toBeLessThanOrEqual(atLeast + 1);
        expect(value).toBeGreaterThanOrEqual(before.get(worker) ?? 0);
        expect(entries.get('twin') ?? '0', 'two keys of one commit are never torn').toBe(String(value));
        expect(stored?.revision ?? 0n).toBe(BigInt(value));
        expect(stored?.head ?? '{"tick":0}').toBe(`{"tick":${value}}`);
        before.set(worker, value);
      }
      await stores.close();
    }
    expect(Math.min(...before.values())).toBeGreaterThan(0);
  });

  test('refuses a second start, naming the first, and opens at once when the first was killed', async () => {
    const run = await startChild(folder.path, 1);
    const refused = open(folder.path);
    await expect(refused).rejects.toMatchObject({ code: 'DATA_LOCKED', details: { pid: run.child.pid } });
    await expect(refused).rejects.toThrow(`Process ${run.child.pid}, started at 2`);
    await killChild(run);
    const stores = await open(folder.path);
    await stores.close();
  });

  test('refuses a second start in the same process too, and gives the folder back on close', async () => {
    const first = await open(folder.path);
    await expect(open(folder.path)).rejects.toMatchObject({ code: 'DATA_LOCKED', details: { pid: process.pid } });
    await first.close();
    const second = await open(folder.path);
    await second.close();
  });

  test('refuses commits while the disk is full, loses none that it acknowledged, and resumes by itself', async () => {
    const limited = ['-c', 'ulimit -f 6000; exec "$0" "$@"', process.execPath, FULL_DISK_CHILD, folder.path];
    const { stdout } = await promisify(execFile)('sh', limited);
    const told = JSON.parse(stdout) as { acknowledged: number; refused: number };
    expect(told).toMatchObject({ codes: ['STORE_UNAVAILABLE'], resumed: true });
    expect(told.refused).toBeGreaterThan(0);
    const stores = await open(folder.path);
    const stored = await stores.state.read('default/greedy');
    expect(stored?.entries).toHaveLength(told.acknowledged);
    expect(stored?.revision).toBe(BigInt(told.acknowledged));
    await stores.close();
  });
});
