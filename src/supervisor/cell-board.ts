/**
 * The node's end of a cell's board (sandbox/cell/board.ts): a file without a name that both hold open. In memory where the system
 * has a place for that, else among the temporary files.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Address, BOARD } from '../../sandbox/protocol.ts';
import { RuntimeError } from '../core/errors.ts';

const BYTES = BOARD.WORDS * Float64Array.BYTES_PER_ELEMENT;

export class CellBoard {
  readonly fd: number;
  readonly #file: string;
  #closed = false;

  /** @throws RuntimeError CELL_START_FAILED */
  constructor() {
    const name = `tick-cell-${process.pid}-${randomBytes(8).toString('hex')}`;
    const opened = openIn(['/dev/shm', tmpdir()], name);
    this.fd = opened.fd;
    this.#file = opened.file;
    // Its pages exist now: a full disk is met here and not in the cell.
    writeSync(this.fd, new Uint8Array(BYTES));
    this.forgetName();
  }

  /** Systems that delete no open file do it when it is closed. */
  forgetName(): void {
    try {
      rmSync(this.#file, { force: true });
    } catch {
      // Again in close.
    }
  }

  /** SECURITY: a cell that was taken over could fill memory or disk through it. */
  get overflows(): boolean {
    return !this.#closed && fstatSync(this.fd).size > BYTES;
  }

  /**
   * Who was inside when the cell died; null where it never wrote. Addresses are claims: the caller takes those that it knows.
   */
  read(): readonly Address[] | null {
    if (this.#closed) return null;
    const words = new Float64Array(BOARD.WORDS);
    readSync(this.fd, new Uint8Array(words.buffer), 0, BYTES, 0);
    if (words[BOARD.VERSION] !== BOARD.WRITTEN) return null;
    const said = Math.trunc(words[BOARD.COUNT] as number);
    const count = Math.min(Math.max(said, 0), (BOARD.WORDS - BOARD.FIRST) / 2);
    return Array.from({ length: count }, (_, index) => ({
      sandbox: words[BOARD.FIRST + index * 2] as number,
      incarnation: words[BOARD.FIRST + index * 2 + 1] as number,
    }));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.fd);
    this.forgetName();
  }
}

function openIn(folders: readonly string[], name: string): { readonly fd: number; readonly file: string } {
  let reason = '';
  for (const folder of folders) {
    const file = join(folder, name);
    try {
      return { fd: openSync(file, 'wx+', 0o600), file };
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
  }
  throw new RuntimeError('CELL_START_FAILED', `A cell needs a small temporary file, which cannot be made (${reason}).`);
}
