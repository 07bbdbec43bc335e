/**
 * Which request headers a worker may set. Those that decide how the message is framed, where it goes and what the connection
 * does are derived from the URL and the body; a worker that could set them could smuggle a second request or pose as
 * another host.
 */
import { RuntimeError } from '../../src/core/errors.ts';
import { KiB } from '../../src/core/limits.ts';

/** Lower-case name and value, in the order given. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

const HEADERS_MAX = 100;
const HEADER_BYTES_MAX = 32 * KiB;

const FRAMING = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'http2-settings',
]);

/** RFC 9110 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Visible ASCII, blanks and tabs: no line ends, no NUL, nothing whose bytes depend on an encoding. */
const VALUE = /^[\t\x20-\x7e]*$/;

/** Names that carry a secret, by the words services use. They are not sent to another origin after a redirect. */
const SECRET_NAME = /auth|cookie|token|key|secret|sign|session|password|credential|^proxy-/;

const bad = (message: string): RuntimeError => new RuntimeError('BAD_ARGUMENT', message);

/** Checks and lower-cases the worker's headers. Throws BAD_ARGUMENT. */
export function parseHeaders(given: Readonly<Record<string, string | number>>): HeaderList {
  const entries = Object.entries(given);
  if (entries.length > HEADERS_MAX) throw bad(`A request may have ${HEADERS_MAX} headers, not ${entries.length}.`);
  const seen = new Set<string>();
  let bytes = 0;
  return entries.map(([given, raw]) => {
    const name = given.toLowerCase();
    const value = String(raw).trim();
    const shown = JSON.stringify(given.slice(0, 100));
    if (!TOKEN.test(given)) throw bad(`${shown} is not a header name.`);
    // SECURITY: framing and target are not the worker's. Test: "refuses headers that frame or route the message".
    if (FRAMING.has(name) || name.startsWith('proxy-'))
      throw bad(`The header ${shown} is set by the engine. Leave it out.`);
    if (!VALUE.test(value))
      throw bad(
        `The value of the header ${shown} may hold printable ASCII only. Percent-encode or base64-encode the rest.`,
      );
    if (seen.has(name)) throw bad(`The header ${shown} is given twice.`);
    seen.add(name);
    bytes += name.length + value.length + 4;
    if (bytes > HEADER_BYTES_MAX) throw bad(`The headers are larger than ${HEADER_BYTES_MAX / KiB} KiB.`);
    return [name, value] as const;
  });
}

/** `headers` with defaults for the names that are not there. */
export function withDefaults(headers: HeaderList, defaults: HeaderList): HeaderList {
  const names = new Set(headers.map(([name]) => name));
  return [...headers, ...defaults.filter(([name]) => !names.has(name))];
}

/** What may follow a redirect to another origin. */
export function withoutSecrets(headers: HeaderList): HeaderList {
  return headers.filter(([name]) => !SECRET_NAME.test(name));
}

/** What may follow when a redirect drops the body. */
export function withoutBodyHeaders(headers: HeaderList): HeaderList {
  return headers.filter(([name]) => !name.startsWith('content-'));
}
