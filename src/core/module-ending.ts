/**
 * `.ts` where the sources run as they are, `.js` in the built package, which has the same folders. For modules that are named
 * by path, such as threads and cells: an import that is written out is changed by the build.
 */
export const MODULE_ENDING: '.ts' | '.js' = new URL(import.meta.url).pathname.endsWith('.ts') ? '.ts' : '.js';
