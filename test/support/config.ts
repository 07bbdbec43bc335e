import { join } from 'node:path';
import { fixedEnvironment } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/load.ts';
import { type ConfigProblem, formatProblem } from '../../src/config/problems.ts';
import type { LoadedConfig } from '../../src/config/resolve.ts';
import { RuntimeError } from '../../src/core/errors.ts';
import { folderWith } from './folder.ts';

type Files = Readonly<Record<string, string>>;
type Variables = Readonly<Record<string, string>>;

/** Loads a configuration text in a folder of its own; `files` lie beside it. */
export function load(text: string, files: Files = {}, variables: Variables = {}): LoadedConfig & { folder: string } {
  const folder = folderWith({ 'runtime.yaml': text, ...files });
  return { ...loadConfig(join(folder, 'runtime.yaml'), fixedEnvironment(variables)), folder };
}

/** The problems of a configuration that must not load, as `line:column: path: message`. */
export function problemsOf(text: string, files: Files = {}, variables: Variables = {}): string[] {
  try {
    load(text, files, variables);
  } catch (error) {
    if (!(error instanceof RuntimeError) || error.code !== 'CONFIG_INVALID') throw error;
    const problems = (error.details?.problems ?? []) as ConfigProblem[];
    return problems.map((problem) => {
      const shown = formatProblem(problem);
      return shown.slice(shown.indexOf('runtime.yaml:') + 'runtime.yaml:'.length);
    });
  }
  throw new Error('the configuration loaded without a problem');
}
