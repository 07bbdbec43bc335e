/**
 * What a cell that was taken over completely can reach at each level: native code, and nothing of Node's permissions. Without any wall the
 * very same attempts succeed, so that a refusal means something.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CELL_BOARD_FD, CELL_WRITE_FD, type FromCell } from '../../sandbox/protocol.ts';
import { findProgram, librariesOf } from '../../src/core/programs.ts';
import { CellProcess } from '../../src/supervisor/cell-process.ts';
import { processWall, type Wall } from '../../src/supervisor/jail-commands.ts';
import { folderWith } from '../support/folder.ts';
import type { ProbeTargets } from '../support/jail-probe.ts';
import { probeBehind, wallOf } from '../support/walls.ts';

const PATH = process.env['PATH'] ?? '';

interface Siege {
  readonly results: Readonly<Record<string, string>>;
  readonly cell: CellProcess;
  /** What arrived at the listeners of the test. */
  readonly visits: readonly string[];
}

async function listening(server: Server, ...where: readonly (string | number)[]): Promise<Server> {
  server.listen(...(where as [number, string]));
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return server;
}

/** Ended with the test. */
function startProbe(...of: Parameters<typeof probeBehind>): Promise<{ cell: CellProcess; said: FromCell }> {
  const wanted = of[2] === undefined ? 'fatal' : 'hello';
  return new Promise((resolve, reject) => {
    const gone = Promise.withResolvers<void>();
    const cell = new CellProcess(probeBehind(...of), {
      onMessage: (said) => said.kind === wanted && resolve({ cell, said }),
      onClosed: (reason) => {
        gone.resolve();
        reject(new Error(reason));
      },
    });
    onTestFinished(() => {
      cell.kill('the test is over');
      return gone.promise;
    });
  });
}

/** Everything that a jail-probe tries, with listeners of the test on the other side. */
async function besiege(wall: Wall): Promise<Siege> {
  const folder = folderWith({ secret: 'a secret of the node' });
  const visits: string[] = [];
  const abstract = `tick-runtime-jail-${process.pid}`;
  const path = join(folder, 'socket');
  const tcp = await listening(
    createServer(() => visits.push('TCP')),
    0,
    '127.0.0.1',
  );
  await listening(
    createServer(() => visits.push('UNIX')),
    path,
  );
  await listening(
    createServer(() => visits.push('abstract')),
    `\0${abstract}`,
  );
  const udp = createSocket('udp4', (text) => visits.push(`UDP ${text}`));
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
  onTestFinished(() => void udp.close());
  const sibling = await startProbe(processWall([]), {}, 'stay');
  const perl = process.arch === 'x64' ? (findProgram('perl', PATH) ?? null) : null;
  const targets: ProbeTargets = {
    file: join(folder, 'secret'),
    folder,
    tcp: (tcp.address() as { port: number }).port,
    udp: udp.address().port,
    path,
    abstract,
    node: process.pid,
    sibling: sibling.cell.pid,
    perl,
  };
  onTestFinished(() => {
    for (const at of ['/tmp', '/dev/shm']) rmSync(`${at}/jail-probe-${process.pid}`, { force: true });
  });
  // Perl is for the attempts that only native code can make: it must not fail because it is not there.
  const tools = perl === null ? [] : [perl, ...(await librariesOf(perl))];
  const { cell, said } = await startProbe(wall, targets, undefined, tools);
  const results = JSON.parse(said.kind === 'fatal' ? said.message : '{}') as Record<string, string>;
  // What was sent over UDP before has arrived when this has.
  const sender = createSocket('udp4');
  sender.send('mark', targets.udp, '127.0.0.1', () => sender.close());
  await expect.poll(() => visits).toContain('UDP mark');
  return { results, cell, visits: visits.filter((one) => one !== 'UDP mark').sort() };
}

const opened = ({ results }: Siege): string[] => {
  expect(Object.keys(results).length).toBeGreaterThan(25);
  return Object.keys(results).filter((name) => results[name] === 'open');
};

const sameFile = (path: string): { dev: number; ino: number } => {
  const { dev, ino } = statSync(path);
  return { dev, ino };
};

const HAS_LIMITS = findProgram('prlimit', PATH) !== undefined;
const ON_LINUX = process.platform === 'linux' ? describe : describe.skip;

ON_LINUX('a cell that was taken over', () => {
  it('without a wall reaches everything: the attempts are real ones', async () => {
    const siege = await besiege(processWall([]));
    expect(opened(siege)).toEqual(
      expect.arrayContaining([
        'read a file of the host',
        'read a file of the node',
        'list the root',
        'list a folder of the node',
        'write a file',
        'change a file',
        'write a temporary file',
        'read the environment of the node',
        'read the command line of the node',
        'read the command line of a sibling',
        'list the processes',
        'signal the node',
        'signal a sibling',
        'start a program',
        'see the name of the host',
        'connect over TCP',
        'connect to a UNIX socket',
        'connect to an abstract UNIX socket',
        'make the board large',
      ]),
    );
    expect(siege.visits).toEqual(['TCP', 'UDP x', 'UNIX', 'abstract']);
  });

  it('behind bubblewrap reaches nothing', async (context) => {
    const siege = await besiege(await wallOf('bubblewrap', context));
    expect(opened(siege)).toEqual(HAS_LIMITS ? [] : ['make the board large']);
    expect(siege.visits).toEqual([]);
  });

  it('behind namespaces reaches files and what files lead to, and no network and no process', async (context) => {
    const siege = await besiege(await wallOf('namespaces', context));
    const FILES = [
      'read a file of the host',
      'read a file of the node',
      'list the root',
      'list a folder of the node',
      'write a file',
      'change a file',
      'write into its own program',
      'write a temporary file',
      'write into shared memory',
      'start a program',
      'connect to a UNIX socket',
      'see the name of the host',
    ];
    const beyond = opened(siege).filter((name) => !FILES.includes(name));
    // Whoever may read the log of the kernel on this machine may do so here.
    expect(beyond.filter((name) => name !== 'read the kernel log')).toEqual(HAS_LIMITS ? [] : ['make the board large']);
    expect(siege.visits).toEqual(['UNIX']);
  });
});

ON_LINUX('a cell behind bubblewrap, as its system sees it', () => {
  it('has no rights, no environment, no files but its pipes, and a root that holds nothing else', async (context) => {
    const { cell } = await startProbe(await wallOf('bubblewrap', context), {}, 'stay');
    const proc = (name: string): string => readFileSync(`/proc/${cell.pid}/${name}`, 'utf8');
    expect(proc('environ')).toBe('PWD=/\0');
    const status = Object.fromEntries(
      proc('status')
        .split('\n')
        .map((line) => line.split(':\t')),
    ) as Record<string, string>;
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) expect(status[set], set).toMatch(/^0+$/);
    expect(status['NoNewPrivs']).toBe('1');
    expect(status['NSpid']?.split('\t').length).toBeGreaterThan(1);
    for (const fd of readdirSync(`/proc/${cell.pid}/fd`)) {
      const target = readlinkSync(`/proc/${cell.pid}/fd/${fd}`);
      if (Number(fd) <= 1) expect(target).toBe('/dev/null');
      else if (Number(fd) <= CELL_WRITE_FD) expect(target).toMatch(/^(socket|pipe):/);
      else if (Number(fd) === CELL_BOARD_FD) expect(target).toMatch(/tick-cell-\S+ \(deleted\)$/);
      // Node holds its root open, which is the one inside.
      else if (target === '/')
        expect(statSync(`/proc/${cell.pid}/fd/${fd}`)).toMatchObject(sameFile(`/proc/${cell.pid}/root/`));
      else expect(target).toMatch(/^(anon_inode:|pipe:|\/dev\/null$)/);
    }
    const roots = readdirSync(`/proc/${cell.pid}/root`);
    for (const name of ['proc', 'dev', 'sys', 'run', 'var', 'boot', 'mnt', 'opt', 'srv'])
      if (!process.execPath.startsWith(`/${name}/`) && !import.meta.dirname.startsWith(`/${name}/`))
        expect(roots).not.toContain(name);
  });
});
