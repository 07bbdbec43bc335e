/** Checks what a platform hands in as a worker's files: nothing about it is believed. */
import { SOURCE_BYTES_MAX } from '../core/limits.ts';
import type { SourceFile } from './definition.ts';
import { invalidAt } from './problems.ts';
import { cleanText, sizeProblem } from './read-source.ts';

const FILES_MAX = 500;
const PATH_CHARS_MAX = 255;

/** Path → text, without byte order marks. Throws CODE_INVALID. */
export function checkGivenFiles(entry: string, files: readonly SourceFile[]): Map<string, string> {
  const shownEntry = isPlainPath(entry) ? entry : 'worker';
  if (!isPlainPath(entry))
    throw invalidAt(shownEntry, 1, 1, 'the entry must be a relative path with "/" and without ".."');
  if (files.length > FILES_MAX) throw invalidAt(entry, 1, 1, `a worker has at most ${FILES_MAX} files`);
  const texts = new Map<string, string>();
  let bytes = 0;
  for (const { path, text } of files) {
    if (!isPlainPath(path))
      throw invalidAt(
        entry,
        1,
        1,
        `${JSON.stringify(path.slice(0, 100))} is not a relative path with "/" and without ".."`,
      );
    if (texts.has(path)) throw invalidAt(path, 1, 1, 'the file is given twice');
    bytes += Buffer.byteLength(text);
    const tooLarge = sizeProblem(path, bytes, SOURCE_BYTES_MAX);
    if (tooLarge !== null) throw invalidAt(path, 1, 1, `the worker's files are larger than ${SOURCE_BYTES_MAX} bytes`);
    texts.set(path, cleanText(text, path));
  }
  if (!texts.has(entry)) throw invalidAt(entry, 1, 1, 'the entry is not among the files');
  return texts;
}

function isPlainPath(path: string): boolean {
  if (path.length === 0 || path.length > PATH_CHARS_MAX || !path.isWellFormed()) return false;
  if (/[\p{Cc}\\:"<>|?*]/u.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}
