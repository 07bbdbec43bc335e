/** A cell refuses to run unless it is locked up, and what is locked up cannot get out: tried from Node itself, not from a guest. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { FrameReader } from '../../sandbox/cell/channel.ts';
import { CELL_BOARD_FD, CELL_WRITE_FD, type FromCell } from '../../sandbox/protocol.ts';
import { cellLaunch } from '../../src/supervisor/cell-launch.ts';
import { CellProcess } from '../../src/supervisor/cell-process.ts';

const PROBE = fileURLToPath(new URL('../support/cell-probe.ts', import.meta.url));
const LISTENING = new Set<CellProcess>();

interface End {
  readonly messages: readonly FromCell[];
  readonly signal: string | null;
}

/** Starts a cell the way CellProcess does, but with other flags or variables. */
function start(args: readonly string[], env: Record<string, string> = {}): Promise<End> {
  const messages: FromCell[] = [];
  const reader = new FrameReader((frame) => void messages.push(...(frame as readonly FromCell[])));
  const stdio: ('ignore' | 'pipe')[] = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'];
  const child = spawn(cellLaunch().command, args, { stdio, env, cwd: '/', detached: true });
  (child.stdio[CELL_WRITE_FD] as Readable).on('data', (chunk: Buffer) => {
    reader.push(chunk);
    // One that starts all the same must not outlive the test.
    if (messages.some(({ kind }) => kind === 'hello')) child.kill('SIGKILL');
  });
  return new Promise((resolve) => child.on('close', (_code, signal) => resolve({ messages, signal })));
}

const { args } = cellLaunch();
const without = (flag: string): readonly string[] => args.filter((arg) => arg !== flag);

const WRONG: readonly (readonly [what: string, args: readonly string[], env: Record<string, string>, said: RegExp])[] =
  [
    ['without --permission', args.slice(-1), {}, /without --permission/],
    ['without --no-node-snapshot', without('--no-node-snapshot'), {}, /without --no-node-snapshot/],
    ['that may write files', ['--allow-fs-write=*', ...args], {}, /--allow-fs-write/],
    ['that may write one folder', ['--allow-fs-write=/tmp/', ...args], {}, /--allow-fs-write/],
    ['that may read everything', ['--allow-fs-read=*', ...args], {}, /it may read/],
    ['that may read /etc', ['--allow-fs-read=/etc/', ...args], {}, /it may read \/etc\/passwd/],
    ['that may start processes', ['--allow-child-process', ...args], {}, /--allow-child-process/],
    ['that may start threads', ['--allow-worker', ...args], {}, /--allow-worker/],
    ['that may use the network', ['--allow-net', ...args], {}, /--allow-net/],
    ['that may use WASI', ['--allow-wasi', ...args], {}, /--allow-wasi/],
    ['that loads code before its own', ['--import=data:text/javascript,', ...args], {}, /the flag --import/],
    ['with a variable', args, { SECRET: 'x' }, /environment has 1 variables/],
    ['with the variable of a jail, outside of one', args, { PWD: '/' }, /environment has 1 variables/],
    ['that should be behind bubblewrap, and is not', [...args, 'bubblewrap'], {}, /in spite of bubblewrap/],
    ['that should be behind namespaces, and is not', [...args, 'namespaces'], {}, /in spite of namespaces/],
  ];

describe('a cell refuses to run', () => {
  for (const [what, wrong, env, said] of WRONG)
    it(`${what}: it says so and dies`, async () => {
      const { messages, signal } = await start(wrong, env);
      expect(messages).toEqual([{ kind: 'fatal', message: expect.stringMatching(said) }]);
      expect(messages[0]).toMatchObject({ message: expect.stringContaining('not locked up') });
      expect(signal).toBe('SIGKILL');
    });

  it('but runs as the engine starts it', async () => {
    const { messages } = await start(args);
    expect(messages).toMatchObject([{ kind: 'hello' }]);
  });
});

describe('a cell that was taken over', () => {
  it('reads, writes, lists, spawns, threads, listens, connects and resolves nothing', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    let visits = 0;
    server.on('connection', () => {
      visits += 1;
    });
    const { messages } = await start([...cellLaunch('isolate', [PROBE]).args.slice(0, -1), PROBE, String(port)]);
    server.close();
    const [message] = messages;
    if (message?.kind !== 'fatal') throw new Error('the probe said nothing');
    const { results, env } = JSON.parse(message.message) as { results: Record<string, string>; env: object };
    expect(env).toEqual({});
    expect(Object.keys(results).length).toBeGreaterThan(15);
    expect(Object.entries(results).filter(([, result]) => result === 'open')).toEqual([]);
    for (const [what, result] of Object.entries(results))
      expect(`${what}: ${result}`).toMatch(/: (ERR_[A-Z_]+|fetch failed)$/);
    expect(visits).toBe(0);
  });
});

describe('a cell as its system sees it', () => {
  afterAll(() => {
    for (const cell of LISTENING) cell.kill('the test is over');
  });

  it('has no environment, no files but its pipes, a process group of its own, and no children', async () => {
    const pid = await new Promise<number>((resolve) => {
      const cell = new CellProcess(cellLaunch(), {
        onMessage: (message) => message.kind === 'hello' && resolve(message.pid),
        onClosed: () => LISTENING.delete(cell),
      });
      LISTENING.add(cell);
    });
    const proc = (name: string): string => readFileSync(`/proc/${pid}/${name}`, 'utf8');
    expect(proc('environ')).toBe('');
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/');
    const [, group, session] = proc('stat').slice(proc('stat').lastIndexOf(')')).split(' ').slice(2);
    expect([Number(group), Number(session)]).toEqual([pid, pid]);
    expect(proc(`task/${pid}/children`)).toBe('');
    const open = readdirSync(`/proc/${pid}/fd`).map(
      (fd) => [Number(fd), readlinkSync(`/proc/${pid}/fd/${fd}`)] as const,
    );
    for (const [fd, target] of open) {
      if (fd <= 1) expect(target).toBe('/dev/null');
      else if (fd <= CELL_WRITE_FD) expect(target).toMatch(/^(socket|pipe):/);
      else if (fd === CELL_BOARD_FD) expect(target).toMatch(/^\/(dev\/shm|tmp)\/tick-cell-\S+ \(deleted\)$/);
      else expect(target).toMatch(/^(anon_inode:|pipe:|\/dev\/null$)/);
    }
  });
});
