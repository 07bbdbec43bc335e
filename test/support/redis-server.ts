/** A real Redis for a test: a process of its own on 127.0.0.1, in a folder of its own. */
import { mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { findRedis } from '../servers.mjs';
import type { TestCertificate } from './self-signed.ts';
import { type ServerPlan, ServerProcess } from './server-process.ts';

export const SERVERS_MISSING = 'run npm test once, or install redis-server and postgresql';
const PROBE_LIMIT_MS = 1_000;

export interface RedisOptions {
  /** Default: one that is free. */
  readonly port?: number;
  /** Default: a folder of its own, which goes with the server. */
  readonly dir?: string;
  /** Default `no`: what it held is lost with a kill and with a stop. */
  readonly appendonly?: 'no' | 'everysec' | 'always';
  /** Default `noeviction`, as in Redis. */
  readonly maxmemoryPolicy?: string;
  /** Of the user `default`; it is in the URL as well. */
  readonly password?: string;
  /** It speaks TLS only. The URL says `rediss://localhost`, so make the certificate for that name. */
  readonly tls?: TestCertificate;
  /** A file of settings, over which the others count; the server may write to it. */
  readonly config?: string;
  /** More of redis-server's options, such as `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[];
}

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Throws where it does not run. */
  readonly pid: number;
  readonly dir: string;
  /** Default SIGKILL; resolves when it has ended. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** In order (SIGTERM); the folder stays. */
  stop(): Promise<void>;
  /** On the same port and folder; resolves when its data is loaded. One that runs is stopped first. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Ends it and removes its folder. */
  close(): Promise<void>;
}

const request = (...words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;

/** All that it says until it closes; what was said so far where it does not answer. */
function ask(port: number, tls: boolean, text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = tls
    ? connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false })
    : connect({ host: '127.0.0.1', port });
  let answer = '';
  socket.setTimeout(PROBE_LIMIT_MS, () => socket.destroy());
  socket.on('error', () => undefined).once('close', () => resolve(answer));
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    answer += chunk;
  });
  socket.write(text);
  return promise;
}

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const program = findRedis();
  if (program === undefined) throw new Error(SERVERS_MISSING);
  const { appendonly = 'no', maxmemoryPolicy = 'noeviction', password, tls, config, args = [] } = options;
  const dir = options.dir ?? realpathSync(mkdtempSync(join(tmpdir(), 'tick-runtime-redis-')));
  const certificate = join(dir, 'server.crt');
  const key = join(dir, 'server.key');
  if (tls !== undefined) {
    writeFileSync(certificate, tls.cert);
    writeFileSync(key, tls.key, { mode: 0o600 });
  }
  const plan: ServerPlan = {
    name: 'redis',
    dir,
    ownsDir: options.dir === undefined,
    port: options.port,
    user: undefined,
    stopSignal: 'SIGTERM',
    abortSignal: 'SIGKILL',
    command: (port) => [
      program,
      ...(config === undefined ? [] : [config]),
      ...['--bind', '127.0.0.1', '--port', tls === undefined ? `${port}` : '0'],
      ...(tls === undefined ? [] : ['--tls-port', `${port}`, '--tls-auth-clients', 'no']),
      ...(tls === undefined ? [] : ['--tls-cert-file', certificate, '--tls-key-file', key]),
      ...['--dir', dir, '--save', '', '--daemonize', 'no', '--logfile', ''],
      ...['--appendonly', appendonly === 'no' ? 'no' : 'yes'],
      ...['--appendfsync', appendonly === 'no' ? 'everysec' : appendonly],
      ...['--maxmemory-policy', maxmemoryPolicy],
      ...(password === undefined ? [] : ['--requirepass', password]),
      ...args,
    ],
    async isReady(port, pid) {
      const login = password === undefined ? '' : request('AUTH', password);
      const answer = await ask(
        port,
        tls !== undefined,
        `${login}${request('PING')}${request('INFO', 'server')}${request('QUIT')}`,
      );
      // While it loads it refuses a PING; and another server may have got the port.
      return answer.includes('+PONG') && answer.includes(`process_id:${pid}\r\n`);
    },
  };
  const server = await ServerProcess.start(plan);
  const login = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
  return {
    url: tls === undefined ? `redis://${login}127.0.0.1:${server.port}` : `rediss://${login}localhost:${server.port}`,
    port: server.port,
    dir,
    get pid() {
      return server.pid;
    },
    kill: (signal) => server.kill(signal),
    stop: () => server.stop(),
    restart: () => server.restart(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    close: () => server.close(),
  };
}
