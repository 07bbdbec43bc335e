/**
 * Imports of a worker that is a file of the operator: its own folder and the `node_modules` above it, nothing else. esbuild
 * resolves as usual; this plugin has the last word on every file before it is read.
 */
import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { PartialMessage, Plugin } from 'esbuild';
import { BUNDLE_BYTES_MAX, SOURCE_BYTES_MAX } from '../core/limits.ts';
import { isNodeModule, nodeModuleMessage } from './builtins.ts';
import { isScheme, loaderOf, type ModuleLoader, messageOf, prepareModule } from './modules.ts';
import { isInside, readSource } from './read-source.ts';

/** Marks our own question to esbuild's resolver, so that we do not answer it ourselves. */
const ASKING = { asking: true };

export interface FolderPlugin {
  readonly plugin: Plugin;
  /** What was loaded: path relative to the root → text. */
  readonly loaded: ReadonlyMap<string, string>;
}

/** `root` and `entry` are real paths. */
export async function createFolderPlugin(root: string, entry: string, entryText: string): Promise<FolderPlugin> {
  const packages = await packageRoots(root);
  const allowed = [root, ...packages];
  const loaded = new Map<string, string>();
  let ownBytes = 0;
  let packageBytes = 0;

  const load = async (path: string, loader: ModuleLoader): Promise<string> => {
    const own = isInside(path, [root]) && !relative(root, path).split(sep).includes('node_modules');
    const shown = shownPath(root, path);
    const text = path === entry ? entryText : await readSource(path, shown, allowed, BUNDLE_BYTES_MAX);
    const bytes = Buffer.byteLength(text);
    // A module may be asked for twice, with other import attributes.
    const key = relative(root, path).split(sep).join('/');
    if (!loaded.has(key)) {
      if (own) ownBytes += bytes;
      else packageBytes += bytes;
    }
    if (ownBytes > SOURCE_BYTES_MAX) throw new Error(`the worker's files are larger than ${SOURCE_BYTES_MAX} bytes`);
    if (packageBytes > BUNDLE_BYTES_MAX)
      throw new Error(`the packages of this worker are larger than ${BUNDLE_BYTES_MAX} bytes`);
    loaded.set(key, text);
    return prepareModule(text, shown, loader);
  };

  const plugin: Plugin = {
    name: 'worker-folder',
    setup(build) {
      build.onResolve({ filter: /.*/ }, async (args) => {
        if (args.kind === 'entry-point' || args.pluginData === ASKING) return null;
        const { path, kind, resolveDir, importer, with: attributes } = args;
        if (isScheme(path) && !path.startsWith('node:')) return refuse(`${path} cannot be imported; only files can`);
        if (isNodeModule(path)) {
          // A package from npm may have the name of a module of Node (events, buffer): then that is meant.
          const asked = path.startsWith('node:')
            ? null
            : await build.resolve(path, { kind, resolveDir, importer, with: attributes, pluginData: ASKING });
          if (asked !== null && asked.errors.length === 0) return null;
          const message = nodeModuleMessage(path);
          // Libraries ask for Node inside of conditions; only if they get there does it matter.
          const soft = kind === 'require-call' && importer.includes(`${sep}node_modules${sep}`);
          return soft ? { path: message, namespace: 'missing' } : refuse(message);
        }
        const isPath = isAbsolute(path) || /^\.{1,2}(\/|$)/.test(path);
        // SECURITY: nothing outside is even looked at (compile-escape.test.ts).
        if (isPath && !isInside(resolve(resolveDir, path), allowed))
          return refuse(`${path} is outside of the worker's folder; copy the file into it`);
        return null;
      });
      build.onLoad({ filter: /.*/, namespace: 'missing' }, (args) => ({
        contents: `throw new Error(${JSON.stringify(args.path)});`,
        loader: 'js',
      }));
      build.onLoad({ filter: /.*/, namespace: 'file' }, async (args) => {
        const loader = loaderOf(args.path, args.with);
        if (loader === null)
          return refuse(`${shownPath(root, args.path)} cannot be imported; use .ts, .js, .json or a text file`);
        try {
          return { contents: await load(args.path, loader), loader };
        } catch (error) {
          return { errors: [messageOf(error)] };
        }
      });
    },
  };
  return { plugin, loaded };
}

/** A path as people may see it: relative to the worker's folder, packages from `node_modules/` on. */
export function shownPath(root: string, path: string): string {
  const inside = relative(root, path).split(sep).join('/');
  const at = inside.lastIndexOf('node_modules/');
  if (at !== -1) return inside.slice(at);
  return inside.startsWith('../') || isAbsolute(inside) ? (inside.split('/').at(-1) ?? inside) : inside;
}

async function packageRoots(root: string): Promise<string[]> {
  const roots: string[] = [];
  for (let folder = root; ; folder = dirname(folder)) {
    const found = await realpath(join(folder, 'node_modules')).catch(() => null);
    if (found !== null) roots.push(found);
    if (dirname(folder) === folder) return roots;
  }
}

function refuse(text: string): { errors: PartialMessage[] } {
  return { errors: [{ text }] };
}
