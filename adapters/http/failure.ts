/**
 * What the outside world did wrong, as the data a worker gets: `{ error, code }`. The codes are listed in docs/http.md. Texts
 * are ours: those of the system name addresses behind a name, which are the operator's business.
 */
import { RuntimeError } from '../../src/core/errors.ts';

export const FAILURE_CODES = [
  'TIMEOUT',
  'ABORTED',
  'NAME_NOT_FOUND',
  'CONNECTION_REFUSED',
  'CONNECTION_LOST',
  'UNREACHABLE',
  'TLS_FAILED',
  'BAD_RESPONSE',
  'BAD_ENCODING',
  'RESPONSE_TOO_LARGE',
  'TOO_MANY_REDIRECTS',
  'BUSY',
  'NETWORK',
] as const;

export type FailureCode = (typeof FAILURE_CODES)[number];

export interface Failed {
  readonly error: string;
  readonly code: FailureCode;
}

/** A failure that is told to the worker as data. It never leaves this folder. */
export class FetchFailure extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string) {
    super(message);
    this.name = 'FetchFailure';
    this.code = code;
  }
}

const NOT_HTTP = 'the answer is not valid HTTP or its headers are too large';

const TEXTS: readonly (readonly [pattern: RegExp, code: FailureCode, text: string])[] = [
  [
    /^(ENOTFOUND|ENODATA|ESERVFAIL|EREFUSED|EBADNAME|EBADQUERY|EAI_.*)$/,
    'NAME_NOT_FOUND',
    'the name cannot be resolved',
  ],
  [/^(ETIMEOUT|ECANCELLED)$/, 'NAME_NOT_FOUND', 'the name was not resolved in time'],
  [/^ECONNREFUSED$/, 'CONNECTION_REFUSED', 'nothing answers at that address and port'],
  [/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ENETDOWN|EHOSTDOWN)$/, 'UNREACHABLE', 'there is no way to that address'],
  [/^(ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/, 'TIMEOUT', 'no connection in time'],
  [
    /^(ECONNRESET|EPIPE|UND_ERR_SOCKET|UND_ERR_DESTROYED|UND_ERR_CLOSED)$/,
    'CONNECTION_LOST',
    'the connection ended before the answer was complete',
  ],
  [
    /^(HPE_.*|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_CONTENT_LENGTH_MISMATCH|UND_ERR_RES_EXCEEDED_MAX_SIZE)$/,
    'BAD_RESPONSE',
    NOT_HTTP,
  ],
  [
    /^(ERR_TLS_.*|ERR_SSL_.*|CERT_.*|DEPTH_ZERO_.*|SELF_SIGNED_.*|UNABLE_TO_.*|EPROTO|HOSTNAME_MISMATCH)$/,
    'TLS_FAILED',
    'no trusted TLS connection',
  ],
];

const codeOf = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';

/** Turns what a request threw into data, or throws it where the worker (or the engine) is at fault. */
export function describeFailure(thrown: unknown): Failed {
  if (thrown instanceof RuntimeError) throw thrown;
  if (thrown instanceof FetchFailure) return { error: thrown.message, code: thrown.code };
  const code = codeOf(thrown);
  // undici's parser error has no code for most of its causes.
  if (thrown instanceof Error && thrown.name === 'HTTPParserError') return { error: NOT_HTTP, code: 'BAD_RESPONSE' };
  if (code === 'UND_ERR_INVALID_ARG') {
    throw new RuntimeError(
      'BAD_ARGUMENT',
      `The request cannot be sent: ${thrown instanceof Error ? thrown.message : code}.`,
    );
  }
  const row = TEXTS.find(([pattern]) => pattern.test(code));
  if (row === undefined) return { error: `the request failed${code === '' ? '' : ` (${code})`}`, code: 'NETWORK' };
  const [, kind, text] = row;
  return { error: kind === 'TLS_FAILED' ? `${text} (${code})` : text, code: kind };
}
