/**
 * The only place that decides between sources and build. Node runs TypeScript as it is, but not below node_modules, so the
 * published package has dist/ and no src/. Where there is a src/, this is a clone, and a dist/ in it, however old, is not
 * looked at. Plain JavaScript, so that older Nodes can read it.
 */
import { existsSync } from 'node:fs';

/** URL of one of the package's modules; `name` is its path below src, without its ending. */
export function entryUrl(name) {
  const source = new URL('../src/', import.meta.url);
  if (existsSync(source)) return new URL(`${name}.ts`, source).href;
  const built = new URL(`../dist/src/${name}.js`, import.meta.url);
  if (existsSync(built)) return built.href;
  throw new Error('tick-runtime: this package holds neither src nor dist; it was not packed with `npm run pack`.');
}
