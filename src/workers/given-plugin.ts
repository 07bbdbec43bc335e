/**
 * Imports of a worker that a platform handed in as text: they resolve among the given files and nowhere else. Nothing here
 * returns control to esbuild's own resolver, which would look at the host's disk.
 */
import { posix } from 'node:path';
import type { PartialMessage, Plugin } from 'esbuild';
import { isNodeModule, nodeModuleMessage } from './builtins.ts';
import { EXTENSIONS, isScheme, loaderOf, messageOf, prepareModule } from './modules.ts';

/** Namespace of the given files in esbuild's messages and source maps. */
export const GIVEN = 'given';

/** `files`: path → text, checked by given-files.ts. The build's entry point, whatever its name, means `entry`. */
export function createGivenPlugin(files: ReadonlyMap<string, string>, entry: string): Plugin {
  return {
    name: 'worker-files',
    setup(build) {
      // SECURITY: every import gets an answer here, or esbuild would read the host (compile-escape.test.ts).
      build.onResolve({ filter: /.*/ }, ({ path, kind, importer }) => {
        if (kind === 'entry-point') return { path: entry, namespace: GIVEN };
        const found = resolveGiven(files, importer, path);
        return typeof found === 'string' ? { path: found, namespace: GIVEN } : { errors: [found] };
      });
      build.onLoad({ filter: /.*/ }, ({ path, namespace, with: attributes }) => {
        const text = namespace === GIVEN ? files.get(path) : undefined;
        if (text === undefined) return { errors: [{ text: `${path} is not among the worker's files` }] };
        const loader = loaderOf(path, attributes);
        if (loader === null)
          return { errors: [{ text: `${path} cannot be imported; use .ts, .js, .json or a text file` }] };
        try {
          return { contents: prepareModule(text, path, loader), loader };
        } catch (error) {
          return { errors: [messageOf(error)] };
        }
      });
    },
  };
}

function resolveGiven(files: ReadonlyMap<string, string>, importer: string, path: string): string | PartialMessage {
  if (isNodeModule(path)) return { text: nodeModuleMessage(path) };
  if (isScheme(path)) return { text: `${path} cannot be imported; only the worker's own files can` };
  if (posix.isAbsolute(path) || path.includes('\\')) return { text: `${path} is outside of the worker's files` };
  if (!/^\.{1,2}(\/|$)/.test(path))
    return { text: `the package "${path}" is not among the worker's files; bundle it before the worker is handed in` };
  const target = posix.join(posix.dirname(importer), path);
  if (target === '..' || target.startsWith('../')) return { text: `${path} is outside of the worker's files` };
  const found = candidates(target).find((candidate) => files.has(candidate));
  return found ?? { text: `${path} is not among the worker's files` };
}

/** As TypeScript's bundlers do: exact, another extension, `.js` that means `.ts`, the index of a folder. */
function candidates(target: string): string[] {
  const typescript = target.replace(/\.([mc]?)js$/, '.$1ts');
  return [
    target,
    typescript,
    ...EXTENSIONS.map((extension) => target + extension),
    ...EXTENSIONS.map((extension) => posix.join(target, `index${extension}`)),
  ];
}
