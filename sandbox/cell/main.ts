/**
 * Entry of a cell process. It checks that it is really locked up, speaks frames on two pipes, and dies by SIGKILL as soon as the
 * node is gone: `process.exit` can hang while a guest runs.
 */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import {
  CELL_BOARD_FD,
  CELL_READ_FD,
  CELL_WRITE_FD,
  type FromCell,
  PROTOCOL_VERSION,
  type ToCell,
} from '../protocol.ts';
import { createJavascriptBackend } from './backend.ts';
import { Board } from './board.ts';
import { Cell } from './cell.ts';
import { encodeFrames, FrameReader } from './channel.ts';
import { findOpenDoor } from './lockup.ts';
import { checkToCell } from './order-check.ts';

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('unreachable');
}

function write(messages: readonly FromCell[]): void {
  const frames = encodeFrames(messages);
  try {
    for (const frame of frames) for (let at = 0; at < frame.length; ) at += writeSync(CELL_WRITE_FD, frame, at);
  } catch {
    die();
  }
}

let cell: Cell | null = null;

/** 0 in a jail, where there is no /proc. */
function rssBytes(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    return 0;
  }
}

function fatal(message: string): never {
  cell?.flush();
  write([{ kind: 'fatal', message: message.slice(0, 2_000) }]);
  return die();
}

async function init(message: ToCell): Promise<Cell | null> {
  if (message.kind !== 'init') return fatal('the first message must be init');
  if (message.protocol !== PROTOCOL_VERSION) return fatal(`protocol ${message.protocol} is not ${PROTOCOL_VERSION}`);
  const wire = { write, board: new Board(CELL_BOARD_FD) };
  if (message.backend === 'isolate') return new Cell(createJavascriptBackend(message.prelude), message.slots, wire);
  const { createPythonBackend, makeSnapshot } = await import('../pyodide/backend.ts');
  if (message.makeSnapshot === true) {
    await makeSnapshot(message, write);
    return null;
  }
  return new Cell(await createPythonBackend(message), message.slots, wire);
}

function start(): void {
  const door = findOpenDoor();
  if (door !== null) fatal(`this cell is not locked up: ${door}`);
  // Isolates take the process's zone: a worker's local time is UTC on every machine.
  process.env['TZ'] = 'UTC';
  // A service manager may signal every process of a service: the node ends in order, and its cells with it.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  process.on('uncaughtException', (error) => fatal(`uncaught: ${error.stack ?? error.message}`));
  process.on('unhandledRejection', (reason) => fatal(`unhandled: ${reason instanceof Error ? reason.stack : reason}`));
  /** What arrives before the cell is ready; the first is `init`. */
  const early: ToCell[] = [];
  const reader = new FrameReader((messages) => {
    for (const value of messages) {
      const message = checkToCell(value);
      if (message === null) return fatal('an order is not one of the protocol');
      if (cell !== null) cell.handle(message);
      else if (early.push(message) === 1) void open(message);
    }
  });
  async function open(message: ToCell): Promise<void> {
    try {
      cell = await init(message);
    } catch (error) {
      fatal(`init failed: ${error instanceof Error ? error.stack : error}`);
    }
    if (cell === null) return;
    write([{ kind: 'ready', rssBytes: rssBytes() }]);
    for (const waiting of early.slice(1)) cell.handle(waiting);
  }
  const socket = new Socket({ fd: CELL_READ_FD, readable: true, writable: false });
  socket.on('data', (chunk: Buffer) => {
    try {
      reader.push(chunk);
    } catch (error) {
      fatal(`bad frame: ${error instanceof Error ? error.stack : error}`);
    }
  });
  socket.on('end', die);
  socket.on('close', die);
  socket.on('error', die);
  write([{ kind: 'hello', protocol: PROTOCOL_VERSION, pid: process.pid, node: process.version }]);
}

start();
