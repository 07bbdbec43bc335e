/** The entry of a cell process that a test locks up exactly like a cell: it tries to get out, and says what it got. */
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns';
import type { EventEmitter } from 'node:events';
import { readdirSync, readFileSync, readlinkSync, writeFileSync, writeSync } from 'node:fs';
import { open as openInspector } from 'node:inspector';
import { connect, createServer } from 'node:net';
import { WASI } from 'node:wasi';
import { Worker } from 'node:worker_threads';

type Attempt = () => unknown;

const attempts: Readonly<Record<string, Attempt>> = {
  'read /etc/passwd': () => readFileSync('/etc/passwd'),
  'read /proc/self/environ': () => readFileSync('/proc/self/environ'),
  'read /proc/1/cmdline': () => readFileSync('/proc/1/cmdline'),
  'list /': () => readdirSync('/'),
  'list /proc/self/fd': () => readdirSync('/proc/self/fd'),
  'read a link': () => readlinkSync('/proc/self/exe'),
  'write beside itself': () => writeFileSync(`${import.meta.dirname}/written`, 'x'),
  'write to /tmp': () => writeFileSync('/tmp/written-by-a-cell', 'x'),
  spawn: () => spawnSync('/bin/true').status ?? refused(),
  'start a thread': () => new Worker('1', { eval: true }),
  'open the inspector': () => openInspector(0),
  'make a WASI': () => new WASI({ version: 'preview1', preopens: { '/': '/' } }),
  'load a library': () => process.dlopen({ exports: {} }, '/lib/x86_64-linux-gnu/libc.so.6'),
  'use an internal binding': () => (process as unknown as { binding(name: string): unknown }).binding('fs'),
};

function refused(): never {
  throw new Error('refused');
}

/** Everything that listens or connects says how it went by an event. */
function network(): Promise<Record<string, string>> {
  const outcome = (start: (done: (text: string) => void) => void): Promise<string> =>
    new Promise((resolve) => {
      try {
        start(resolve);
      } catch (error) {
        resolve(String((error as { code?: unknown }).code));
      }
    });
  const socket = (made: EventEmitter, good: string, done: (text: string) => void): void => {
    made.once(good, () => done('open'));
    made.once('error', (error: NodeJS.ErrnoException) => done(String(error.code)));
  };
  const port = Number(process.argv[2]);
  const all = {
    connect: outcome((done) => socket(connect(port, '127.0.0.1'), 'connect', done)),
    'connect to a path': outcome((done) => socket(connect('/var/run/docker.sock'), 'connect', done)),
    listen: outcome((done) => {
      // Node throws this refusal where nobody can catch it.
      process.once('uncaughtException', (error: NodeJS.ErrnoException) => done(String(error.code)));
      socket(createServer().listen(0, '127.0.0.1'), 'listening', done);
    }),
    'send a datagram': outcome((done) => {
      const made = createSocket('udp4');
      socket(made, 'listening', done);
      made.bind(0, '127.0.0.1');
    }),
    resolve: outcome((done) => lookup('localhost', (error) => done(error === null ? 'open' : String(error.code)))),
    fetch: fetch(`http://127.0.0.1:${port}/`).then(
      () => 'open',
      (error: Error & { cause?: { code?: unknown } }) => String(error.cause?.code ?? error.message),
    ),
  };
  return Promise.all(Object.entries(all).map(async ([name, text]) => [name, await text] as const)).then(
    Object.fromEntries,
  );
}

const results: Record<string, string> = {};
for (const [name, attempt] of Object.entries(attempts))
  try {
    attempt();
    results[name] = 'open';
  } catch (error) {
    results[name] = String((error as { code?: unknown }).code ?? (error as Error).message);
  }
Object.assign(results, await network());
const body = Buffer.from(JSON.stringify([{ kind: 'fatal', message: JSON.stringify({ results, env: process.env }) }]));
const frame = Buffer.alloc(4 + body.length);
frame.writeUInt32BE(body.length);
body.copy(frame, 4);
writeSync(4, frame);
process.kill(process.pid, 'SIGKILL');
