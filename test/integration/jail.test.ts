/** The walls around cells, as the node has to do with them: which is chosen, how cells end behind them, and that workers notice nothing. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import type { JailLevel } from '../../src/index.ts';
import { createRuntime } from '../../src/index.ts';
import { CellProcess } from '../../src/supervisor/cell-process.ts';
import type { Wall } from '../../src/supervisor/jail-commands.ts';
import { startEngine } from '../support/engine.ts';
import { folderWith } from '../support/folder.ts';
import { pathOf, pathWith, probeBehind, wallOf } from '../support/walls.ts';

const PATH = process.env['PATH'] ?? '';
const OWNER = fileURLToPath(new URL('../support/jail-owner.ts', import.meta.url));
const LEVELS: readonly JailLevel[] = ['bubblewrap', 'namespaces', 'process'];
const KILLS = 30;
const GONE = { timeout: 5_000, interval: 10 };

afterEach(() => {
  process.env['PATH'] = PATH;
});

/** Processes of whatever kind that were started with this word in an argument. */
function marked(mark: string): readonly number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(mark) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** The name in front of it may hold anything. */
function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

interface Ended {
  readonly reason: string;
  readonly fromOutside: boolean;
}

interface Probe {
  readonly cell: CellProcess;
  readonly mark: string;
  /** Its first word. */
  readonly hello: Promise<void>;
  readonly ended: Promise<Ended>;
}

function startProbe(wall: Wall, order: string): Probe {
  const mark = randomUUID();
  const hello = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<Ended>();
  const cell = new CellProcess(probeBehind(wall, { file: mark }, order), {
    onMessage: () => hello.resolve(),
    onClosed: (reason, fromOutside) => ended.resolve({ reason, fromOutside }),
  });
  onTestFinished(() => {
    cell.kill('the test is over');
    return ended.promise.then(() => undefined);
  });
  return { cell, mark, hello: hello.promise, ended: ended.promise };
}

const ON_LINUX = process.platform === 'linux' ? describe : describe.skip;

ON_LINUX.each(LEVELS)('behind %s', (level) => {
  it('a cell that is killed takes everything with it, and the reason is the node’s', async (context) => {
    const { cell, mark, hello, ended } = startProbe(await wallOf(level, context), 'stay');
    await hello;
    expect(marked(mark)).toHaveLength(level === 'process' ? 1 : 3);
    cell.kill('it was time');
    expect(await ended).toEqual({ reason: 'it was time', fromOutside: false });
    await expect.poll(() => marked(mark), GONE).toEqual([]);
  });

  it('the pid of a cell is that of the process that does the work, whatever stands between', async (context) => {
    const { cell, hello } = startProbe(await wallOf(level, context), 'stay');
    await hello;
    expect(readFileSync(`/proc/${cell.pid}/cmdline`, 'utf8')).toMatch(/^[^\0]*\/node\0/);
    // Its memory is that of Node, not of a small program around it.
    expect(cell.rssBytes()).toBeGreaterThan(30 * 1024 * 1024);
  });

  it('a cell that somebody else kills is told from one that ends by itself', async (context) => {
    const wall = await wallOf(level, context);
    const killed = startProbe(wall, 'stay');
    await killed.hello;
    process.kill(killed.cell.pid, 'SIGKILL');
    expect(await killed.ended).toEqual({ reason: 'it was ended by SIGKILL', fromOutside: true });
    const aborted = startProbe(wall, 'abort');
    const { reason, fromOutside } = await aborted.ended;
    expect(reason).toMatch(/^it was ended by SIGABRT/);
    expect(fromOutside).toBe(false);
    const left = startProbe(wall, 'end');
    expect(await left.ended).toEqual({ reason: 'it ended with code 3', fromOutside: false });
    for (const { mark } of [killed, aborted, left]) await expect.poll(() => marked(mark), GONE).toEqual([]);
  });

  it('a cell can kill itself', async (context) => {
    const { mark, ended } = startProbe(await wallOf(level, context), 'kill itself');
    expect((await ended).reason).toBe('it was ended by SIGKILL');
    await expect.poll(() => marked(mark), GONE).toEqual([]);
  });

  it('a cell that is killed at any moment of its start leaves nothing', { timeout: 90_000 }, async (context) => {
    const wall = await wallOf(level, context);
    const whole = startProbe(wall, 'stay');
    const begun = performance.now();
    await whole.hello;
    // A jail has done its part long before Node has.
    const stepMs = ((performance.now() - begun) * 0.4) / KILLS;
    for (let kill = 0; kill < KILLS; kill++) {
      const { cell, mark, ended } = startProbe(wall, 'silent');
      const end = performance.now() + kill * stepMs;
      while (performance.now() < end);
      cell.kill('the start is over');
      await ended;
      await expect.poll(() => marked(mark), GONE).toEqual([]);
    }
  });

  it('a jail that is killed takes its cell with it', async (context) => {
    const { mark, hello, ended } = startProbe(await wallOf(level, context), 'stay');
    await hello;
    const outermost = marked(mark).find((pid) => parentOf(pid) === process.pid);
    if (outermost === undefined) throw new Error('it has no process');
    process.kill(outermost, 'SIGKILL');
    expect(await ended).toEqual({ reason: 'it was ended by SIGKILL', fromOutside: true });
    await expect.poll(() => marked(mark), GONE).toEqual([]);
  });

  it('a node that is killed leaves no process of its cells', async (context) => {
    await wallOf(level, context);
    const mark = randomUUID();
    const node = spawn(process.execPath, [OWNER, pathOf(level), mark], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void node.kill('SIGKILL'));
    const [said] = (await once(createInterface(node.stdout), 'line')) as [string];
    expect(said).toMatch(new RegExp(`^${level} \\d+$`));
    expect(marked(mark).length).toBeGreaterThan(1);
    node.kill('SIGKILL');
    await once(node, 'exit');
    await expect.poll(() => marked(mark), GONE).toEqual([]);
  });

  it('workers in both languages tick, and status says what holds their cells', async (context) => {
    await wallOf(level, context);
    process.env['PATH'] = pathOf(level);
    const engine = await startEngine();
    const ticked = Promise.all([engine.okTicks('js', 3), engine.okTicks('py', 3)]);
    await engine.run('js', 'export function tick(ctx) { ctx.state.set("n", ctx.state.get("n", 0) + 1); }');
    await engine.run('py', 'def tick(ctx):\n    ctx.state.set("n", ctx.state.get("n", 0) + 1)\n');
    await ticked;
    const { cells } = engine.runtime.status();
    expect(cells.map(({ jail }) => jail)).toEqual([level, level]);
    for (const { pid } of cells) expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toMatch(/^[^\0]*\/node\0/);
    const said = engine.engineLog.filter((line) => /^(info|warn): cells (are behind|have no wall)/.test(line));
    expect(said).toHaveLength(1);
    if (level === 'process') expect(said[0]).toMatch(/no program bwrap.*no program unshare.*install bubblewrap/);
  });
});

ON_LINUX('the choice of a wall', () => {
  function withProgram(name: string, script: string, ...others: readonly string[]): string {
    const folder = pathWith(...others);
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
    return folder;
  }

  async function levelOf(searchPath: string): Promise<{ level: JailLevel; log: readonly string[] }> {
    process.env['PATH'] = searchPath;
    const engine = await startEngine();
    const ticked = engine.okTicks('js');
    await engine.run('js', 'export function tick() {}');
    await ticked;
    const [cell] = engine.runtime.status().cells;
    return { level: cell?.jail ?? 'process', log: engine.engineLog };
  }

  it('falls back where bwrap is there and may not do what it must, and says why', async () => {
    const { level, log } = await levelOf(
      withProgram('bwrap', 'echo "bwrap: No permissions to create new namespace" >&2; exit 1'),
    );
    expect(level).toBe('process');
    expect(log.join('\n')).toMatch(
      /bubblewrap: it ended with code 1 \(bwrap: No permissions to create new namespace\)/,
    );
  });

  it('takes no wall that starts the cell and holds nothing', async () => {
    const through = 'while [ "$1" != "--" ]; do shift; done; shift; sh -c \'"$@"; exit $?\' sh "$@"; exit $?';
    const { level, log } = await levelOf(withProgram('bwrap', through, 'sh'));
    expect(level).toBe('process');
    expect(log.join('\n')).toMatch(/bubblewrap: (it shares the namespaces|it said .*not locked up)/);
  });

  it('with jail off is not made, and nothing is said', async () => {
    const engine = await startEngine({ sandbox: { jail: 'off' } });
    const ticked = engine.okTicks('js');
    await engine.run('js', 'export function tick() {}');
    await ticked;
    expect(engine.runtime.status().cells.map(({ jail }) => jail)).toEqual(['process']);
    expect(engine.engineLog.filter((line) => line.includes('cells'))).toEqual([]);
  });

  it('with jail required refuses to start where there is none, says what was tried, and leaves the data folder alone', async () => {
    process.env['PATH'] = '';
    const dataDir = join(folderWith(), 'data');
    const runtime = createRuntime({ dataDir, sandbox: { jail: 'required' } });
    await expect(runtime.start()).rejects.toMatchObject({
      code: 'JAIL_UNAVAILABLE',
      message: expect.stringMatching(/sandbox\.jail is required.*bwrap.*unshare.*install bubblewrap/),
    });
    expect(existsSync(dataDir)).toBe(false);
  });

  it('with jail required starts where there is one', async (context) => {
    await wallOf('bubblewrap', context);
    const engine = await startEngine({ sandbox: { jail: 'required' } });
    const ticked = engine.okTicks('js');
    await engine.run('js', 'export function tick() {}');
    await ticked;
    expect(engine.runtime.status().cells.map(({ jail }) => jail)).toEqual(['bubblewrap']);
  });
});
