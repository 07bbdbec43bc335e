/** What Postgres says when something fails, as errors of the engine: by SQLSTATE, never by the text of a message. */
import { RuntimeError } from '../../core/errors.ts';

/** Five characters; undefined for what did not come from the server. */
export function sqlState(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown) || typeof thrown.code !== 'string')
    return undefined;
  return /^[0-9A-Z]{5}$/.test(thrown.code) ? thrown.code : undefined;
}

export const reasonOf = (thrown: unknown): string => {
  // What a name with several addresses gives: one error for each of them, and no text of its own.
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return reasonOf(thrown.errors[0]);
  if (thrown instanceof Error && thrown.message !== '') return thrown.message;
  return String(thrown);
};

/** Data that this very statement brought, and that no repetition makes right: classes 22 and 23, and a text that is too large. */
export function isOwnFault(thrown: unknown): boolean {
  const state = sqlState(thrown);
  return state !== undefined && (/^2[23]/.test(state) || state === '54000');
}

/** An operation that failed while the store was in use. Only what is wrong with its own data is not worth another try. */
export function operationError(thrown: unknown): RuntimeError {
  if (thrown instanceof RuntimeError) return thrown;
  const code = isOwnFault(thrown) ? 'INTERNAL' : 'STORE_UNAVAILABLE';
  return new RuntimeError(code, `Postgres cannot do this now: ${reasonOf(thrown)}`, { cause: thrown });
}

/** Why a start cannot use this Postgres: what to change, where something can be changed. `where` shows no password. */
export function openError(thrown: unknown, where: string): RuntimeError {
  if (thrown instanceof RuntimeError) return thrown;
  const state = sqlState(thrown);
  const reason = reasonOf(thrown);
  const unusable = (advice: string): RuntimeError =>
    new RuntimeError('STORE_UNUSABLE', `Postgres at ${where} cannot be used: ${reason}. ${advice}`, { cause: thrown });
  // The server asked for a password, and the client has none.
  const lacksPassword = state === undefined && /^SASL: .*password must be/.test(reason);
  if (state === '28P01' || state === '28000' || lacksPassword)
    return unusable('Check user and password in postgres.url.');
  if (state === '3D000') return unusable('Create that database, or name another one in postgres.url.');
  if (state === '42501') return unusable('Give its user the right to create a schema and tables there.');
  if (/self[- ]signed|certificate|SSL|TLS/i.test(reason)) return unusable('Check postgres.tls.');
  // Starting up, shutting down, out of connections, or nothing of the server at all: it may go by itself.
  if (state !== undefined && !/^(57P|53|08)/.test(state)) return unusable('Look at the log of the server.');
  return new RuntimeError(
    'STORE_UNAVAILABLE',
    `Postgres at ${where} does not answer: ${reason}. Check postgres.url, and that the server is up.`,
    { cause: thrown },
  );
}
