/** What a start that cannot use its stores must do: fail soon, in one line, without a password, and let go of everything. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { RuntimeError } from '../../src/core/errors.ts';
import { folderWith } from './folder.ts';
import { poll } from './poll.ts';
import { createCertificate } from './self-signed.ts';

export const PASSWORD = 's3cret/@:%ü';
export const WRONG = 'hunter2';
const LIMIT_MS = 6_000;

export const CERTIFICATE = createCertificate('localhost');
export const OTHER = createCertificate('localhost');

const handles = (): number => process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Timeout/.test(name)).length;

export interface Failure {
  readonly code: string;
  readonly message: string;
  /** Everything that was logged on the way. */
  readonly logged: readonly string[];
}

export type Log = (level: string, message: string) => void;

/**
 * What is opened here must fail: soon, in one line, without a password, and with nothing left open; `over` ends what the
 * test itself holds.
 */
export async function failureOf(
  opening: (log: Log) => Promise<unknown>,
  over: () => Promise<void> = async () => undefined,
): Promise<Failure> {
  const logged: string[] = [];
  const before = handles();
  const from = performance.now();
  const thrown: unknown = await opening((level, message) => logged.push(`${level}: ${message}`)).catch(
    (error: unknown) => error,
  );
  if (!(thrown instanceof RuntimeError)) throw new Error(`no RuntimeError but ${String(thrown)}`, { cause: thrown });
  const { code, message } = thrown;
  expect(performance.now() - from, message).toBeLessThan(LIMIT_MS);
  for (const text of [message, ...logged])
    expect(text).not.toMatch(new RegExp(`${WRONG}|s3cret|${encodeURIComponent(PASSWORD)}`));
  expect(message).toMatch(/^[^\n]{20,400}$/);
  expect(message).not.toMatch(/\.\.|: \./);
  await over();
  await poll('every handle is closed', () => handles() <= before || undefined);
  return { code, message, logged };
}

export function pems(): { readonly own: string; readonly other: string; readonly none: string } {
  const folder = folderWith({ 'own.pem': CERTIFICATE.cert, 'other.pem': OTHER.cert });
  return { own: join(folder, 'own.pem'), other: join(folder, 'other.pem'), none: join(folder, 'none.pem') };
}

export const withUser = (url: string, user: string): string => url.replace(/\/\/.*@|\/\//, `//${user}`);
