/**
 * The node's end of a cell's board (sandbox/cell/board.ts): a file without a name that both hold open. In memory where the system
 * has a place for that, else among the temporary files.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BOARD, type Inside } from '../../sandbox/protocol.ts';
import { RuntimeError } from '../core/errors.ts';
import { MiB } from '../core/limits.ts';

const BYTES = BOARD.WORDS * Float64Array.BYTES_PER_ELEMENT;
const BLOCK_BYTES = 512;
/** File systems take more than they need. */
const SLACK_BYTES = 4 * MiB;

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
    this.#forgetName();
  }

  /** Systems that delete no open file do it when it is closed. */
  #forgetName(): void {
    try {
      rmSync(this.#file, { force: true });
    } catch {
      // Again in close.
    }
  }

  /** SECURITY: a cell that was taken over could fill memory or disk through it. */
  get overflows(): boolean {
    if (this.#closed) return false;
    const { size, blocks } = fstatSync(this.fd);
    // Room can be taken beyond what a file is long.
    return size > BYTES || blocks * BLOCK_BYTES > BYTES + SLACK_BYTES;
  }

  /**
   * Who is inside, or was when the cell died; null where it never wrote, or where not all may be on it. Addresses are claims: the
   * caller takes those that it knows.
   */
  read(): readonly Inside[] | null {
    if (this.#closed) return null;
    const words = new Float64Array(BOARD.WORDS);
    readSync(this.fd, new Uint8Array(words.buffer), 0, BYTES, 0);
    if (words[BOARD.VERSION] !== BOARD.WRITTEN) return null;
    const count = Math.max(Math.trunc(words[BOARD.COUNT] as number), 0);
    if (count >= Math.floor((BOARD.WORDS - BOARD.FIRST) / BOARD.WORDS_EACH)) return null;
    return Array.from({ length: count }, (_, index) => {
      const at = BOARD.FIRST + index * BOARD.WORDS_EACH;
      const [sandbox = 0, incarnation = 0, busyMs = 0] = words.subarray(at, at + BOARD.WORDS_EACH);
      return { sandbox, incarnation, busyMs };
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.fd);
    this.#forgetName();
  }
}

function openIn(folders: readonly string[], name: string): { readonly fd: number; readonly file: string } {
  let reason = '';
  for (const folder of folders) {
    const file = join(folder, name);
    let fd: number | null = null;
    try {
      fd = openSync(file, 'wx+', 0o600);
      // Its pages exist then: a full disk is met here and not in the cell.
      if (writeSync(fd, new Uint8Array(BYTES)) === BYTES) return { fd, file };
      reason = `${folder} is full`;
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
    if (fd === null) continue;
    closeSync(fd);
    rmSync(file, { force: true });
  }
  throw new RuntimeError('CELL_START_FAILED', `A cell needs a small temporary file, which cannot be made (${reason}).`);
}
