/**
 * The entry of a process in a cell's place that was taken over completely: native code, and none of Node's permissions. It says hello, tries
 * to get out, says what it got, and stays. With a second argument it does that instead.
 */
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { appendFileSync, closeSync, ftruncateSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, Socket } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { CELL_BOARD_FD, CELL_READ_FD } from '../../sandbox/protocol.ts';
import { probeFrame } from './probe-frame.ts';

export interface ProbeTargets {
  /** Readable for the user of the node, outside of everything that a cell needs. */
  readonly file: string;
  /** Writable for it. */
  readonly folder: string;
  readonly tcp: number;
  readonly udp: number;
  /** UNIX sockets: a path, and a name in the abstract namespace. */
  readonly path: string;
  readonly abstract: string;
  readonly node: number;
  readonly sibling: number;
  readonly perl: string | null;
}

const [targetsJson = '{}', order = 'try'] = process.argv.slice(2);
const to = JSON.parse(targetsJson) as ProbeTargets;

function check(good: boolean): void {
  if (!good) throw Object.assign(new Error(), { code: 'REFUSED' });
}

/** The numbers of x64; perl is there on every Debian, and calls the kernel without a compiler. */
function perl(script: string): void {
  const { status, error } = spawnSync(to.perl ?? '/usr/bin/perl', ['-e', script], { timeout: 5_000 });
  if (error !== undefined) throw error;
  check(status === 0);
}

const attempts: Readonly<Record<string, () => unknown>> = {
  'read a file of the host': () => readFileSync('/etc/passwd'),
  'read a file of the node': () => readFileSync(to.file),
  'list the root': () => check(readdirSync('/').includes('etc')),
  'list a folder of the node': () => readdirSync(to.folder),
  'write a file': () => writeFileSync(`${to.folder}/written`, 'x'),
  'change a file': () => appendFileSync(to.file, 'x'),
  'write into its own program': () => closeSync(openSync(import.meta.filename, 'r+')),
  'write a temporary file': () => writeFileSync(`/tmp/jail-probe-${to.node}`, 'x'),
  'write into shared memory': () => writeFileSync(`/dev/shm/jail-probe-${to.node}`, 'x'),
  'read the kernel log': () => closeSync(openSync('/dev/kmsg', 'r')),
  'read the environment of the node': () => readFileSync(`/proc/${to.node}/environ`),
  'read the memory of the node': () => closeSync(openSync(`/proc/${to.node}/mem`, 'r')),
  'write to the memory of the node': () => closeSync(openSync(`/proc/${to.node}/mem`, 'r+')),
  'read the command line of the node': () => readFileSync(`/proc/${to.node}/cmdline`),
  'read the command line of a sibling': () => readFileSync(`/proc/${to.sibling}/cmdline`),
  'list the processes': () => check(readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length > 4),
  'signal the node': () => process.kill(to.node, 0),
  'signal a sibling': () => process.kill(to.sibling, 0),
  'trace a sibling': () => perl(`exit(syscall(101, 0x4206, ${to.sibling}, 0, 0) == 0 ? 0 : 1)`),
  'mount something': () => perl(`exit(syscall(165, "none", "/", "tmpfs", 0x1000, 0) == 0 ? 0 : 1)`),
  'start a program': () => {
    const { error } = spawnSync('/bin/sh', ['-c', 'true']);
    if (error !== undefined) throw error;
  },
  'see the name of the host': () => check(hostname() !== 'cell'),
  'see a network': () => check(Object.values(networkInterfaces()).some((all) => all?.some((one) => !one.internal))),
  'make the board large': () => ftruncateSync(CELL_BOARD_FD, 1 << 20),
};

async function network(): Promise<Record<string, string>> {
  const connected = async (where: { port: number; host: string } | { path: string }): Promise<string> => {
    const socket = connect(where);
    try {
      await once(socket, 'connect', { signal: AbortSignal.timeout(3_000) });
      return 'open';
    } catch (error) {
      return codeOf(error);
    } finally {
      socket.destroy();
    }
  };
  const udp = createSocket('udp4');
  const sent = new Promise<string>((resolve) => {
    udp.send('x', to.udp, '127.0.0.1', (error) => resolve(error === null ? 'sent' : codeOf(error)));
  });
  return {
    'connect over TCP': await connected({ port: to.tcp, host: '127.0.0.1' }),
    'connect to a UNIX socket': await connected({ path: to.path }),
    'connect to an abstract UNIX socket': await connected({ path: `\0${to.abstract}` }),
    // Into a network of one's own anything can be sent; whether it arrives the test knows.
    'send a datagram': await sent,
  };
}

const codeOf = (error: unknown): string => String((error as { code?: unknown }).code ?? error);

async function tryAll(): Promise<void> {
  const results: Record<string, string> = {};
  for (const [name, attempt] of Object.entries(attempts))
    try {
      attempt();
      results[name] = 'open';
    } catch (error) {
      results[name] = codeOf(error);
    }
  Object.assign(results, await network());
  probeFrame({ kind: 'fatal', message: JSON.stringify(results) });
}

process.on('SIGXFSZ', () => undefined);
if (order !== 'silent') probeFrame({ kind: 'hello', protocol: 1, pid: process.pid, node: process.version });
if (order === 'try') await tryAll();
if (order === 'abort') process.abort();
if (order === 'kill itself') process.kill(process.pid, 'SIGKILL');
if (order === 'end') process.exitCode = 3;
else {
  const pipe = new Socket({ fd: CELL_READ_FD, readable: true, writable: false });
  pipe.on('end', () => process.kill(process.pid, 'SIGKILL')).resume();
}
