/**
 * From a file on disk to text that a compiler may see. Everything that is not a plain UTF-8 text of a sane size is refused
 * here, before anything is parsed.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import type { CodeProblem } from './definition.ts';
import { codeProblem, invalidAt, positionAt } from './problems.ts';

/** Reads a file below one of `roots` (real paths). `shown` is its name in messages: never a path of the host. */
export async function readSource(
  path: string,
  shown: string,
  roots: readonly string[],
  bytesMax: number,
): Promise<string> {
  const handle = await openInside(path, shown, roots);
  try {
    const bytes = await readBounded(handle, shown, bytesMax);
    return decodeSource(bytes, shown);
  } finally {
    await handle.close();
  }
}

/** Text that came as bytes: UTF-8 without NUL; a byte order mark is taken off. */
export function decodeSource(bytes: Uint8Array, shown: string): string {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    throw invalidAt(shown, 1, 1, 'the file is UTF-16; save it as UTF-8');
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const good = new TextDecoder('utf-8').decode(bytes);
    // The first replacement character that the file did not hold itself is close enough to find the place.
    const { line, column } = positionAt(good, Math.max(0, good.indexOf('\ufffd')));
    throw invalidAt(shown, line, column, 'the file is not valid UTF-8; save it as UTF-8');
  }
  const problem = textProblem(text, shown);
  if (problem !== null) throw invalidAt(problem.file, problem.line, problem.column, problem.text);
  return text;
}

/** Text that came as a string from a platform. */
export function cleanText(text: string, shown: string): string {
  const clean = text.startsWith('\ufeff') ? text.slice(1) : text;
  if (!clean.isWellFormed()) throw invalidAt(shown, 1, 1, 'the text holds half of a surrogate pair; it is not Unicode');
  const problem = textProblem(clean, shown);
  if (problem !== null) throw invalidAt(problem.file, problem.line, problem.column, problem.text);
  return clean;
}

/** Total size of a worker's own files against a limit; null where they fit. */
export function sizeProblem(shown: string, bytes: number, bytesMax: number): CodeProblem | null {
  if (bytes <= bytesMax) return null;
  return codeProblem(shown, 1, 1, `the source is larger than ${bytesMax} bytes; move data out of the code`);
}

function textProblem(text: string, file: string): { file: string; line: number; column: number; text: string } | null {
  const nul = text.indexOf('\0');
  if (nul === -1) return null;
  return { file, ...positionAt(text, nul), text: 'the source holds a NUL character' };
}

async function openInside(path: string, shown: string, roots: readonly string[]): Promise<FileHandle> {
  let real: string;
  try {
    real = await realpath(path);
  } catch (error) {
    throw invalidAt(shown, 1, 1, describeFailure(error));
  }
  // SECURITY: a link inside the worker's folder must not reach the rest of the host (compile-escape.test.ts).
  if (!isInside(real, roots)) throw invalidAt(shown, 1, 1, "the file is a link out of the worker's folder");
  try {
    // Without O_NONBLOCK opening a FIFO waits for a writer for ever.
    return await open(real, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw invalidAt(shown, 1, 1, describeFailure(error));
  }
}

export function isInside(real: string, roots: readonly string[]): boolean {
  return roots.some((root) => real === root || real.startsWith(root.endsWith(sep) ? root : root + sep));
}

async function readBounded(handle: FileHandle, shown: string, bytesMax: number): Promise<Uint8Array> {
  const stat = await handle.stat();
  if (stat.isDirectory()) throw invalidAt(shown, 1, 1, 'this is a folder, not a file');
  if (!stat.isFile()) throw invalidAt(shown, 1, 1, 'this is not a regular file');
  const tooLarge = sizeProblem(shown, stat.size, bytesMax);
  if (tooLarge !== null) throw invalidAt(shown, 1, 1, `the file is larger than ${bytesMax} bytes`);
  // The size may lie (a file that grows): never read more than one byte beyond the limit.
  const buffer = new Uint8Array(Math.min(bytesMax, Math.max(stat.size, 4096)) + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
    if (bytesRead === 0) return buffer.subarray(0, length);
    length += bytesRead;
  }
  throw invalidAt(shown, 1, 1, `the file is larger than ${bytesMax} bytes, or changed while it was read`);
}

function describeFailure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'the file does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'the file may not be read; check its permissions';
  if (code === 'ELOOP') return 'the file is a link that leads back to itself';
  return `the file cannot be read (${code})`;
}
