/**
 * `${env:NAME}`, `${env:NAME:-default}` and `${file:path}` in the texts of a configuration; `$${` stands for `${`. What
 * comes in is text and is never read as YAML, so a secret cannot change the structure of the configuration.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import { isMap, isScalar, isSeq, type Scalar } from 'yaml';
import type { Environment } from './environment.ts';
import type { ConfigProblem } from './problems.ts';
import type { ConfigSource, Path } from './source.ts';

/** Bytes of a file that `${file:…}` reads. */
export const FILE_BYTES_MAX = 64 * 1024;

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export interface Interpolated {
  readonly problems: readonly ConfigProblem[];
  /** The values that came from outside, in whole or in part: never shown in a message. */
  readonly scalars: ReadonlySet<unknown>;
}

/** Replaces every reference in the document's values, in place; keys are left alone. */
export function interpolate(source: ConfigSource, environment: Environment, folder: string): Interpolated {
  const problems: ConfigProblem[] = [];
  const scalars = new Set<unknown>();

  const replace = (scalar: Scalar, value: string, path: Path) => {
    let from = scalar.range?.[0] ?? 0;
    let touched = false;
    scalar.value = value.replaceAll(
      REFERENCE,
      (whole: string, inner: string | undefined, close: string | undefined) => {
        touched = true;
        const at = source.text.indexOf(whole, from);
        if (at >= 0) from = at + whole.length;
        if (inner === undefined) return '${';
        const found = close === '}' ? read(inner, environment, folder) : { error: 'the reference has no closing }' };
        if ('text' in found) return found.text;
        problems.push(source.problemAtOffset(at >= 0 ? at : from, path, found.error));
        return whole;
      },
    );
    if (touched) scalars.add(scalar);
  };

  const visit = (node: unknown, path: Path) => {
    if (isMap(node))
      for (const { key, value } of node.items) visit(value, [...path, isScalar(key) ? String(key.value) : '?']);
    else if (isSeq(node)) for (const [index, item] of node.items.entries()) visit(item, [...path, index]);
    else if (isScalar(node) && typeof node.value === 'string') replace(node, node.value, path);
  };
  visit(source.document.contents, []);
  return { problems, scalars };
}

type Found = { readonly text: string } | { readonly error: string };

function read(reference: string, environment: Environment, folder: string): Found {
  const colon = reference.indexOf(':');
  const kind = colon < 0 ? reference : reference.slice(0, colon);
  const target = colon < 0 ? '' : reference.slice(colon + 1);
  switch (kind) {
    case 'env':
      return readVariable(target, environment);
    case 'file':
      return readText(target, folder);
    default:
      return { error: `write \${env:NAME}, \${env:NAME:-default} or \${file:path}; a literal \${ is written $\${` };
  }
}

function readVariable(target: string, environment: Environment): Found {
  const split = target.indexOf(':-');
  const name = split < 0 ? target : target.slice(0, split);
  if (!ENVIRONMENT_NAME.test(name)) return { error: `write the name of an environment variable: \${env:NAME}` };
  const value = environment.get(name);
  if (split >= 0) return { text: value === undefined || value === '' ? target.slice(split + 2) : value };
  if (value !== undefined) return { text: value };
  return { error: `the environment variable ${name} is not set; set it or write a default: \${env:${name}:-default}` };
}

function readText(target: string, folder: string): Found {
  if (target === '') return { error: `write the path of a file: \${file:path}` };
  let descriptor: number | undefined;
  try {
    descriptor = openSync(resolve(folder, target), 'r');
    const buffer = Buffer.alloc(FILE_BYTES_MAX + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got) {
      got = readSync(descriptor, buffer, length, buffer.length - length, null);
    }
    if (length > FILE_BYTES_MAX) return { error: `the file ${target} is larger than 64KiB` };
    return { text: buffer.toString('utf8', 0, length).replace(/\r?\n$/, '') };
  } catch (error) {
    return { error: `the file ${target} cannot be read (${describe(error)}); its path is relative to this file` };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
  return code === 'ENOENT' ? 'it does not exist' : code;
}
