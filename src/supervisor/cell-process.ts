/**
 * One cell as the node sees it: a child process behind two pipes, and the board that it leaves. It is told what to do in batches,
 * and everything it says is checked. It is ended by SIGKILL only. Behind a jail the child is the jail's program, and the cell below it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { FrameReader, frameOf, PARTS_MAX } from '../../sandbox/cell/channel.ts';
import { Outbox, type Spacing } from '../../sandbox/cell/outbox.ts';
import {
  CELL_READ_FD,
  CELL_WRITE_FD,
  FRAME_BYTES_MAX,
  type FromCell,
  type Inside,
  type ToCell,
} from '../../sandbox/protocol.ts';
import { checkFromCell } from '../../sandbox/protocol-check.ts';
import { RuntimeError } from '../core/errors.ts';
import type { JailLevel } from '../runtime.ts';
import { CellBoard } from './cell-board.ts';
import { jailedPid } from './cell-pid.ts';

export interface CellLaunch {
  /** Node 26 binary, its arguments and the entry file: see cell-launch.ts. */
  readonly command: string;
  readonly args: readonly string[];
  /** What the command wraps the cell in. Default `process`: nothing. */
  readonly jail?: JailLevel;
}

export interface CellListener {
  onMessage(message: FromCell): void;
  /**
   * The pipe is at its end: nothing will follow. `reason` says why, as far as it is known. `fromOutside`: somebody else
   * sent SIGKILL, which nothing inside a cell can do to it. `inside`: who it said was inside then, unchecked; null where it
   * never said.
   */
  onClosed(reason: string, fromOutside: boolean, inside: readonly Inside[] | null): void;
}

/** How every reason begins after which nothing that the cell says is heard. */
export const BROKE_PROTOCOL = 'it broke the protocol';
/** Bytes that may wait for a cell that does not read. */
const UNREAD_BYTES_MAX = 128 * 1024 * 1024;
/** Of what a dying cell printed, this much is kept for the report. */
const STDERR_CHARS = 2_000;
const PAGE_BYTES = 4_096;
/** A tick is late by as long as its order waits. */
const SPACING: Spacing = { ms: 1, busyMs: 3, busyMessages: 8 };

export class CellProcess {
  readonly jail: JailLevel;
  #pid: number;
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #listener: CellListener;
  readonly #board: CellBoard;
  readonly #outbox = new Outbox<string>(SPACING, (messages) => this.#write(messages));
  #spoke = false;
  #found: boolean;
  #stderr = '';
  #killReason: string | null = null;
  #closed = false;
  #broken = false;

  constructor(launch: CellLaunch, listener: CellListener) {
    this.#listener = listener;
    this.#board = new CellBoard();
    const stdio: ('ignore' | 'pipe' | number)[] = ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', this.#board.fd];
    const child = start(launch, stdio);
    if (child?.pid === undefined) {
      this.#board.close();
      throw new RuntimeError('CELL_START_FAILED', `A cell process could not be started with ${launch.command}.`);
    }
    this.jail = launch.jail ?? 'process';
    this.#pid = child.pid;
    this.#found = this.jail === 'process';
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
    child.on('close', (code, ownSignal) => {
      this.#closed = true;
      const signal = ownSignal ?? (this.jail === 'process' ? null : signalIn(code));
      const how = signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`;
      const said = this.#stderr.split('\n').find((line) => /fatal|error|^(bwrap|unshare|prlimit|sh|env): /i.test(line));
      const reason = this.#killReason ?? (said === undefined ? how : `${how} (${said.trim().slice(0, 300)})`);
      const inside = this.#board.read();
      this.#board.close();
      listener.onClosed(reason, this.#killReason === null && signal === 'SIGKILL', inside);
    });
  }

  /** That of the cell itself, from its first word on; before that, of what it is started through. */
  get pid(): number {
    return this.#pid;
  }

  /** {@link pid} is the cell's. */
  get isFound(): boolean {
    return this.#found;
  }

  /** Nothing that it says is believed any more. */
  get #outlawed(): boolean {
    return this.#killReason?.startsWith(BROKE_PROTOCOL) === true;
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
  }

  /** SIGKILL; `onClosed` follows. */
  kill(reason: string): void {
    if (this.#killReason !== null || this.#closed) return;
    this.#killReason = reason;
    this.#sendSigkill();
  }

  /** Who says to be inside now, unchecked. */
  inside(): readonly Inside[] | null {
    return this.#board.read();
  }

  /** Called every tenth of a second or so: what a cell that was taken over could still do to the host. */
  checkBoard(): void {
    // Its memory would not be measured. One that ended at its first word is no longer there to be found.
    this.#findCell();
    if (this.#spoke && !this.#found) this.kill('the system does not tell which process it is');
    if (this.#board.overflows) this.kill(`${BROKE_PROTOCOL}: its board is too large`);
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
    this.#sendSigkill();
  }

  #sendSigkill(): void {
    const { pid, exitCode, signalCode } = this.#child;
    // A jail's program takes the cell with it, but not from its very first moment on: until then they are one group.
    if (this.jail !== 'process' && pid !== undefined && exitCode === null && signalCode === null)
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // There is none yet, or no longer.
      }
    this.#child.kill('SIGKILL');
  }

  /** Behind a jail other programs stand in the cell's place until then. */
  #onFirstWord(): void {
    this.#spoke = true;
    this.#findCell();
  }

  #findCell(): void {
    if (this.#found || !this.#spoke || this.#child.pid === undefined) return;
    const pid = jailedPid(this.#child.pid);
    if (pid === null) return;
    this.#pid = pid;
    this.#found = true;
  }

  #write(messages: readonly string[]): void {
    if (this.#closed || this.#broken || this.#killReason !== null) return;
    if (this.#input.writableLength > UNREAD_BYTES_MAX) return this.kill('it stopped reading its pipe');
    // A batch of large messages (loads) is split to stay below the frame limit.
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
    const onFrame = (messages: readonly unknown[]): void => {
      for (const value of messages) {
        if (this.#outlawed) return;
        const message = checkFromCell(value);
        if (message === null) throw new Error('not a message of the protocol');
        if (!this.#spoke) this.#onFirstWord();
        this.#listener.onMessage(message);
      }
    };
    const reader = new FrameReader(onFrame, FRAME_BYTES_MAX, PARTS_MAX);
    pipe.on('data', (chunk: Buffer) => {
      if (this.#outlawed) return;
      try {
        reader.push(chunk);
      } catch (error) {
        this.kill(`${BROKE_PROTOCOL}: ${error instanceof Error ? error.message : error}`);
      }
    });
    pipe.on('error', () => this.#onPipeBroken());
  }
}

const FRAME_CHARS = 4 * 1024 * 1024;

/** Shells and jails tell of a signal by 128 and its number. */
function signalIn(code: number | null): NodeJS.Signals | null {
  const found = Object.entries(constants.signals).find(([, number]) => number + 128 === code);
  return found === undefined ? null : (found[0] as NodeJS.Signals);
}

/** Null where the system refuses; some refusals are thrown, others come as an event. */
function start({ command, args }: CellLaunch, stdio: ('ignore' | 'pipe' | number)[]): ChildProcess | null {
  try {
    const child = spawn(command, args, { stdio, env: {}, cwd: '/', detached: true });
    if (child.pid === undefined) child.on('error', () => undefined);
    return child;
  } catch {
    return null;
  }
}
