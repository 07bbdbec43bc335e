/** Turns a received response into what the worker gets: plain JSON data, the same in both languages. */
import { CALL_JSON_BYTES_MAX, KiB } from '../../src/core/limits.ts';
import { FetchFailure } from './failure.ts';

export interface Answer {
  readonly status: number;
  /** Status 200 to 299. */
  readonly ok: boolean;
  /** Lower-case names; values of a repeated header are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** Parsed if the content type says JSON, else null. */
  readonly json: unknown;
}

export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Below this no escaping and no second copy can exceed what one reply may hold. */
const CERTAINLY_FITS_CHARS = 512 * KiB;
/** Deeper JSON than this is left as text: writing it out again would overflow the stack. */
const JSON_DEPTH_MAX = 500;

export function headerText(headers: ResponseHeaders, name: string): string | undefined {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  return Array.isArray(value) ? value.join(', ') : value;
}

/** `charset` of the content type where it is a known one, else UTF-8. Bytes that are not text become U+FFFD. */
function decodeText(bytes: Buffer, contentType: string): string {
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}

function isShallow(text: string): boolean {
  if (text.length <= JSON_DEPTH_MAX) return true;
  let depth = 0;
  let inText = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (inText) {
      if (char === '\\') i++;
      else if (char === '"') inText = false;
    } else if (char === '"') inText = true;
    else if (char === '[' || char === '{') {
      if (++depth > JSON_DEPTH_MAX) return false;
    } else if (char === ']' || char === '}') depth--;
  }
  return true;
}

function parseJson(text: string, contentType: string): unknown {
  if (!/^\s*[^\s;]+\/([^\s;]+\+)?json\s*(;|$)/i.test(contentType) || !isShallow(text)) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Throws a failure when the result would not fit into one reply. */
export function createAnswer(status: number, headers: ResponseHeaders, bytes: Buffer): Answer {
  const contentType = headerText(headers, 'content-type') ?? '';
  const text = decodeText(bytes, contentType);
  const names = Object.keys(headers);
  const answer: Answer = {
    status,
    ok: status >= 200 && status <= 299,
    headers: Object.fromEntries(names.map((name) => [name, headerText(headers, name) ?? ''])),
    text,
    json: parseJson(text, contentType),
  };
  if (text.length > CERTAINLY_FITS_CHARS && Buffer.byteLength(JSON.stringify(answer)) > CALL_JSON_BYTES_MAX) {
    throw new FetchFailure(
      'RESPONSE_TOO_LARGE',
      `the answer's text and its parsed JSON together do not fit into one reply of ${CALL_JSON_BYTES_MAX} bytes`,
    );
  }
  return answer;
}
