/** Identifiers: unguessable, short enough to read aloud. */
import { randomBytes } from 'node:crypto';

/** 80 random bits as 14 characters. */
export function newId(): string {
  return randomBytes(10).toString('base64url');
}
