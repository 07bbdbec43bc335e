/**
 * The frame around every bundle: one classic script whose completion value is what the module exports. Nothing of it
 * becomes a global of the sandbox.
 */

/** Name under which a worker's bundle appears in stack traces; the bundle carries it itself (`sourceURL`). */
export const WORKER_SCRIPT = 'worker:bundle';

/** Functions that the engine calls, in the spellings a worker may use. */
export const WORKER_FUNCTIONS = ['setup', 'tick', 'resume', 'on_error', 'onError'] as const;

/** Lines that {@link wrapWorker} puts before the bundle: the source map is moved by as many. */
export const WRAPPER_LINES = 1;

// `exports` is no constant: `exports = module.exports = …` is common.
const OPEN = 'const module = { exports: {} }; let exports = module.exports;';

/**
 * Named exports come first, then those of a default export, which keeps its `this`. A function alone is `tick`. The engine
 * calls without a `this`, so what belongs to an object is bound to it.
 */
const EXPORTS = `{
  const named = module.exports, other = named && named.default, found = {};
  for (const name of ${JSON.stringify(WORKER_FUNCTIONS)}) {
    if (named && typeof named[name] === 'function') found[name] = named.__esModule ? named[name] : named[name].bind(named);
    else if (other && typeof other[name] === 'function') found[name] = other[name].bind(other);
  }
  if (!found.tick && typeof named === 'function') found.tick = named;
  if (!found.tick && typeof other === 'function') found.tick = other;
  return found;
}`;

/** `strict`: every module of the bundle is an ES module, which by the language are strict. */
export function wrapWorker(code: string, strict: boolean): string {
  const open = `(() => { ${strict ? '"use strict"; ' : ''}${OPEN}`;
  return `${open}\n${code}\n${EXPORTS} })()\n//# sourceURL=${WORKER_SCRIPT}\n`;
}

/** A script whose completion value is one export of a bundle. */
export function wrapExport(code: string, exportName: string): string {
  return `(() => { "use strict"; ${OPEN}\n${code}\nreturn module.exports[${JSON.stringify(exportName)}]; })()\n`;
}
