/**
 * Postgres has no text with U+0000 in it, and keys may hold one. Such texts are stored with an escape: the noncharacter
 * U+FDD0 followed by `0` stands for U+0000, and twice U+FDD0 for itself. All other texts are stored as they are.
 */
const NUL = '\u0000';
const MARK = '\ufdd0';

export function toColumn(text: string): string {
  if (!text.includes(NUL) && !text.includes(MARK)) return text;
  return text.replaceAll(MARK, MARK + MARK).replaceAll(NUL, `${MARK}0`);
}

export function fromColumn(text: string): string {
  if (!text.includes(MARK)) return text;
  return text.replaceAll(/\ufdd0([\ufdd00])/g, (_, what: string) => (what === '0' ? NUL : MARK));
}
