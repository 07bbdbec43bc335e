/** A request as it will be sent, made from a worker's arguments; and the one that follows it when a server redirects. */
import { RuntimeError } from '../../src/core/errors.ts';
import { MiB } from '../../src/core/limits.ts';
import { FetchFailure } from './failure.ts';
import { type HeaderList, parseHeaders, withDefaults, withoutBodyHeaders, withoutSecrets } from './headers.ts';
import type { Bytes, FetchInput, Fields } from './schema.ts';

export interface Outgoing {
  readonly url: URL;
  readonly method: string;
  readonly headers: HeaderList;
  readonly body: Buffer | null;
}

const REQUEST_BODY_BYTES_MAX = 5 * MiB;
const URL_CHARS_MAX = 16_384;
export const REDIRECTS_MAX = 5;

const DEFAULT_HEADERS: HeaderList = [
  ['accept', '*/*'],
  ['accept-encoding', 'gzip, deflate, br, zstd'],
  ['user-agent', 'tick-runtime'],
];

const bad = (message: string): RuntimeError => new RuntimeError('BAD_ARGUMENT', message);

function append(query: URLSearchParams, fields: Fields): void {
  for (const [name, value] of Object.entries(fields)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== null) query.append(name, String(one));
  }
}

function parseUrl(text: string, params: Fields | null | undefined): URL {
  const url = URL.parse(text);
  if (url === null)
    throw bad(
      `${JSON.stringify(text.slice(0, 200))} is not an absolute URL. Write for example "https://example.org/path".`,
    );
  if (url.username !== '' || url.password !== '') {
    throw bad('A URL may not hold a user name or password. Send them in the authorization header.');
  }
  // Touching searchParams rewrites the query, which a signed URL would not survive.
  if (params != null && Object.keys(params).length > 0) append(url.searchParams, params);
  url.hash = '';
  if (url.href.length > URL_CHARS_MAX) throw bad(`The URL with its params is longer than ${URL_CHARS_MAX} characters.`);
  return url;
}

const form = (fields: Fields): Buffer => {
  const query = new URLSearchParams();
  append(query, fields);
  return Buffer.from(query.toString());
};

const FORM = 'application/x-www-form-urlencoded';

/** `data` with nothing but a text under `base64` holds bytes; a form of that one field goes into `form`. */
const isForm = (data: string | Bytes | Fields): data is Fields =>
  typeof data === 'object' && !(Object.keys(data).length === 1 && typeof data.base64 === 'string');

function parseBody(input: FetchInput): { readonly body: Buffer | null; readonly type: string | null } {
  const { json, data, form: fields, rawBody } = input;
  const given = Object.entries({ json, data, form: fields, rawBody }).filter(([, value]) => value != null);
  if (given.length > 1) throw bad(`Give one of ${given.map(([name]) => name).join(', ')}: a request has one body.`);
  if (json != null) return { body: Buffer.from(JSON.stringify(json)), type: 'application/json' };
  if (fields != null) return { body: form(fields), type: FORM };
  if (data != null && isForm(data)) return { body: form(data), type: FORM };
  const raw = data ?? rawBody;
  if (raw == null) return { body: null, type: null };
  return { body: typeof raw === 'string' ? Buffer.from(raw) : Buffer.from(raw.base64, 'base64'), type: null };
}

/** Throws BAD_ARGUMENT for what can never be sent. */
export function prepareRequest(input: FetchInput): Outgoing {
  const method = input.method ?? 'GET';
  const { body, type } = parseBody(input);
  if (body !== null && (method === 'GET' || method === 'HEAD'))
    throw bad(`A ${method} request has no body. Use post, or fetch with another method.`);
  if (body !== null && body.length > REQUEST_BODY_BYTES_MAX)
    throw bad(`The body has ${body.length} bytes; ${REQUEST_BODY_BYTES_MAX} are allowed.`);
  if (input.timeout != null && input.timeoutMs != null) throw bad('Give timeout (seconds) or timeoutMs, not both.');
  const defaults: HeaderList = type === null ? DEFAULT_HEADERS : [...DEFAULT_HEADERS, ['content-type', type]];
  return {
    url: parseUrl(input.url, input.params),
    method,
    headers: withDefaults(parseHeaders(input.headers ?? {}), defaults),
    body,
  };
}

/**
 * The request that a redirect asks for, by the rules of https://fetch.spec.whatwg.org/#http-redirect-fetch; null when the
 * answer is not a redirect. Stricter than the standard: every header that may carry a secret stays with its origin.
 */
export function followRedirect(request: Outgoing, status: number, location: string | undefined): Outgoing | null {
  if (location === undefined || ![301, 302, 303, 307, 308].includes(status)) return null;
  const url = URL.parse(location, request.url);
  if (url === null || url.username !== '' || url.password !== '' || url.href.length > URL_CHARS_MAX) {
    throw new FetchFailure('BAD_RESPONSE', 'the server redirects to something that is not a usable URL');
  }
  url.hash = '';
  const drops =
    ((status === 301 || status === 302) && request.method === 'POST') ||
    (status === 303 && request.method !== 'GET' && request.method !== 'HEAD');
  const kept = url.origin === request.url.origin ? request.headers : withoutSecrets(request.headers);
  return drops
    ? { url, method: 'GET', headers: withoutBodyHeaders(kept), body: null }
    : { url, method: request.method, headers: kept, body: request.body };
}
