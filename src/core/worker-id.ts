/** How a worker is named, by people and in stores. */
import { RuntimeError } from './errors.ts';

const NAME = /^[a-z0-9][a-z0-9-_.]{0,62}$/i;

/** `name` or `workspace/name` → `workspace/name`. @throws RuntimeError BAD_ARGUMENT */
export function parseWorkerId(name: string): string {
  const parts = name.includes('/') ? name.split('/') : ['default', name];
  if (parts.length !== 2 || !parts.every((part) => NAME.test(part)))
    throw new RuntimeError(
      'BAD_ARGUMENT',
      `"${name}" is no worker name: letters, digits, - _ . and at most 63 of them, with an optional workspace/ before.`,
    );
  return parts.join('/');
}
