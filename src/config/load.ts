/** Reads a configuration file. Everything that is wrong with it comes out at once, with file, line and column. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { RuntimeError } from '../core/errors.ts';
import { MiB } from '../core/limits.ts';
import type { Environment } from './environment.ts';
import { interpolate } from './interpolate.ts';
import { type ConfigProblem, configInvalid } from './problems.ts';
import { type LoadedConfig, resolveConfig } from './resolve.ts';
import { parseSource } from './source.ts';
import { validate } from './validate.ts';

const CONFIG_BYTES_MAX = 4 * MiB;

/**
 * Loads a configuration (YAML or JSON) from a file.
 * @throws RuntimeError CONFIG_NOT_FOUND, or CONFIG_INVALID with `details.problems` ({@link ConfigProblem}[]).
 */
export function loadConfig(file: string, environment: Environment): LoadedConfig {
  const absolute = resolve(file);
  return parseConfig(readConfig(absolute), absolute, environment);
}

/** {@link loadConfig} for a text that was read already; `file` says what its relative paths start from. */
export function parseConfig(text: string, file: string, environment: Environment): LoadedConfig {
  const absolute = resolve(file);
  const source = parseSource(text, displayPath(absolute));
  if (!source.readable) throw configInvalid(source.problems);

  const folder = dirname(absolute);
  const problems: ConfigProblem[] = [...source.problems];
  const interpolated = interpolate(source, environment, folder);
  problems.push(...interpolated.problems);

  const validated = validate(source, interpolated);
  const config = validated.kind === 'ok' ? validated.config : validated.rest;
  const wrong = new Set(validated.kind === 'ok' ? [] : validated.problems.map(({ path }) => path));
  const resolved = config === undefined ? undefined : resolveConfig(config, source, folder, wrong);
  for (const found of [validated, resolved]) {
    if (found?.kind === 'invalid') problems.push(...withoutPathsOf(interpolated.problems, found.problems));
  }
  if (resolved?.kind !== 'ok' || problems.length > 0) throw configInvalid(problems);
  return { file: absolute, ...resolved.loaded };
}

/** A reference that could not be read is one problem, not also a wrong value. */
function withoutPathsOf(known: readonly ConfigProblem[], found: readonly ConfigProblem[]): ConfigProblem[] {
  const paths = new Set(known.map((problem) => problem.path));
  return found.filter((problem) => !paths.has(problem.path));
}

/** Relative to where the person is, unless that leads upwards. */
export function displayPath(file: string): string {
  const path = relative(process.cwd(), file);
  return path === '' || path.startsWith('..') ? file : path;
}

function readConfig(file: string): string {
  const shown = displayPath(file);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    const stats = fstatSync(descriptor);
    if (stats.isDirectory())
      throw new RuntimeError('CONFIG_NOT_FOUND', `${shown} is a folder; name the file in it with --config`);
    if (stats.size > CONFIG_BYTES_MAX) throw new RuntimeError('CONFIG_INVALID', `${shown} is larger than 4 MiB`);
    return readFileSync(descriptor, 'utf8');
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const message = missing
      ? `there is no configuration at ${shown}; name another one with --config FILE or make one with: runtime init`
      : `the configuration ${shown} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new RuntimeError('CONFIG_NOT_FOUND', message, { cause: error });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
