/**
 * One cell as the node sees it: a child process behind two pipes. It is told what to do in batches, one frame per turn of the
 * event loop, and everything it says is checked. It is ended by SIGKILL only.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { FrameReader, frameOf } from '../../sandbox/cell/channel.ts';
import { CELL_READ_FD, CELL_WRITE_FD, type FromCell, type ToCell } from '../../sandbox/protocol.ts';
import { checkFromCell } from '../../sandbox/protocol-check.ts';
import { RuntimeError } from '../core/errors.ts';

export interface CellLaunch {
  /** Node 26 binary, its arguments and the entry file: see cell-launch.ts. */
  readonly command: string;
  readonly args: readonly string[];
}

export interface CellListener {
  onMessage(message: FromCell): void;
  /**
   * The pipe is at its end: nothing will follow. `reason` says why, as far as it is known. `fromOutside`: somebody else
   * sent SIGKILL, which nothing inside a cell can do to it.
   */
  onClosed(reason: string, fromOutside: boolean): void;
}

/** Bytes that may wait for a cell that does not read. */
const UNREAD_BYTES_MAX = 128 * 1024 * 1024;
/** Of what a dying cell printed, this much is kept for the report. */
const STDERR_CHARS = 2_000;
const PAGE_BYTES = 4_096;
/** Frames to one cell go out at least this far apart, ms; further where the last one carried many messages. */
const SPACING_MS = 1;
const BUSY_SPACING_MS = 3;
const BUSY_MESSAGES = 8;

export class CellProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #listener: CellListener;
  #outbox: string[] = [];
  #flushScheduled = false;
  #flushedAt = 0;
  #spacingMs = SPACING_MS;
  #stderr = '';
  #killReason: string | null = null;
  #closed = false;
  #broken = false;

  constructor(launch: CellLaunch, listener: CellListener) {
    this.#listener = listener;
    const stdio: ('ignore' | 'pipe')[] = ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'];
    const child = spawn(launch.command, launch.args, { stdio, env: {}, cwd: '/', detached: true });
    if (child.pid === undefined) {
      child.on('error', () => undefined);
      throw new RuntimeError('CELL_START_FAILED', `A cell process could not be started with ${launch.command}.`);
    }
    this.pid = child.pid;
    this.#child = child;
    this.#input = child.stdio[CELL_READ_FD] as Writable;
    this.#input.on('error', () => this.#onPipeBroken());
    child.on('error', () => this.kill('the process could not be handled'));
    child.stderr?.setEncoding('utf8');
    child.stderr?.on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARS);
    });
    this.#read(child.stdio[CELL_WRITE_FD] as Readable);
    // 'close' comes after the exit and the end of every pipe: whatever the cell said has been handled by then.
    child.on('close', (code, signal) => {
      this.#closed = true;
      const how = signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`;
      const said = this.#stderr.split('\n').find((line) => /fatal|error/i.test(line));
      const reason = this.#killReason ?? (said === undefined ? how : `${how} (${said.trim().slice(0, 300)})`);
      listener.onClosed(reason, this.#killReason === null && signal === 'SIGKILL');
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(message: ToCell): void {
    this.sendText(JSON.stringify(message));
  }

  /** The JSON text of one message. */
  sendText(json: string): void {
    if (this.#closed || this.#broken || this.#killReason !== null) return;
    this.#outbox.push(json);
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    // Under load a frame carries what some milliseconds bring; alone a message goes at once.
    const early = this.#flushedAt + this.#spacingMs - performance.now();
    if (early > 0) setTimeout(() => this.#flush(), early);
    else setImmediate(() => this.#flush());
  }

  /** SIGKILL; `onClosed` follows. */
  kill(reason: string): void {
    if (this.#killReason !== null || this.#closed) return;
    this.#killReason = reason;
    this.#child.kill('SIGKILL');
  }

  /** Resident memory now, bytes; 0 where the system does not tell. */
  rssBytes(): number {
    try {
      return Number(readFileSync(`/proc/${this.pid}/statm`, 'latin1').split(' ')[1] ?? 0) * PAGE_BYTES;
    } catch {
      return 0;
    }
  }

  /** A pipe breaks because its cell is dead, and how it died is told by its exit: the signal here is only to be sure. */
  #onPipeBroken(): void {
    this.#broken = true;
    this.#child.kill('SIGKILL');
  }

  #flush(): void {
    this.#flushScheduled = false;
    this.#flushedAt = performance.now();
    const messages = this.#outbox;
    this.#outbox = [];
    this.#spacingMs = messages.length < BUSY_MESSAGES ? SPACING_MS : BUSY_SPACING_MS;
    if (this.#closed || this.#broken || this.#killReason !== null) return;
    if (this.#input.writableLength > UNREAD_BYTES_MAX) return this.kill('it stopped reading its pipe');
    // One frame per turn; a batch of large messages (loads) is split to stay below the frame limit.
    let from = 0;
    let chars = 0;
    for (let i = 0; i < messages.length; i++) {
      chars += (messages[i] as string).length;
      if (chars < FRAME_CHARS && i + 1 < messages.length) continue;
      this.#input.write(frameOf(`[${messages.slice(from, i + 1).join(',')}]`));
      from = i + 1;
      chars = 0;
    }
  }

  #read(pipe: Readable): void {
    const reader = new FrameReader((messages) => {
      for (const value of messages) {
        const message = checkFromCell(value);
        if (message === null) throw new Error('not a message of the protocol');
        this.#listener.onMessage(message);
      }
    });
    pipe.on('data', (chunk: Buffer) => {
      if (this.#killReason?.startsWith('it broke the protocol')) return;
      try {
        reader.push(chunk);
      } catch (error) {
        this.kill(`it broke the protocol: ${error instanceof Error ? error.message : error}`);
      }
    });
    pipe.on('error', () => this.#onPipeBroken());
  }
}

const FRAME_CHARS = 4 * 1024 * 1024;
