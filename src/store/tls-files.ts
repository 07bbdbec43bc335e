/** The PEM files that a setting names, read and looked at before a connection needs them. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { RuntimeError } from '../core/errors.ts';
import type { TlsOptions } from '../runtime.ts';

export interface TlsSettings {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

const CERTIFICATE = /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/;
const KEY = /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/;

/** `setting`: `redis.tls`. @throws RuntimeError STORE_UNUSABLE */
export function readTls({ ca, cert, key, verify = true }: TlsOptions, setting: string): TlsSettings {
  const settings = {
    rejectUnauthorized: verify,
    ...(ca === undefined ? {} : { ca: pemOf(ca, `${setting}.ca`, CERTIFICATE) }),
    ...(cert === undefined ? {} : { cert: pemOf(cert, `${setting}.cert`, CERTIFICATE) }),
    ...(key === undefined ? {} : { key: pemOf(key, `${setting}.key`, KEY) }),
  };
  const problem = problemOf(settings);
  if (problem !== null) throw unusable(`${setting}: ${problem}.`);
  return settings;
}

function problemOf({ ca, cert, key }: TlsSettings): string | null {
  if ((cert === undefined) !== (key === undefined)) return 'cert and key go together, and one of them is missing';
  try {
    for (const text of [ca, cert]) if (text !== undefined) void new X509Certificate(text);
    if (cert === undefined || key === undefined) return null;
    const fits = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
    return fits ? null : 'the key is not that of the certificate';
  } catch (thrown) {
    return `one of its files is damaged (${reasonOf(thrown)})`;
  }
}

function pemOf(file: string, setting: string, kind: RegExp): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (thrown) {
    throw unusable(`${setting}: ${file} cannot be read (${reasonOf(thrown)}).`);
  }
  if (kind.test(text)) return text;
  throw unusable(`${setting}: ${file} holds no ${kind === KEY ? 'private key' : 'certificate'} (PEM).`);
}

const unusable = (message: string): RuntimeError => new RuntimeError('STORE_UNUSABLE', message);

const reasonOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
