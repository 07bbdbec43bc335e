/**
 * The one table of adapter names. What a worker can reach as `ctx.<name>` is either built in (`http`), supplied by the program
 * that embeds the engine, or known by name but not there: using it raises the sentence below, not "undefined".
 */
import type { HttpOptions } from '../src/runtime.ts';
import type { Adapter } from './adapter.ts';
import { createHttpAdapter } from './http/adapter.ts';

/** Names that workers may use and that need something connected, and what each is for. */
const KNOWN = {
  monitor: 'a dashboard of widgets',
  bybit: 'the exchange Bybit',
  ig: 'the broker IG Markets',
  telegram: 'messages through a Telegram bot',
  files: 'files of the workspace',
  llm: 'language models',
} as const;

/** What every engine has without configuration. The caller closes them. */
export function createBuiltInAdapters(options: { readonly http?: HttpOptions }): readonly Adapter[] {
  return [createHttpAdapter(options.http)];
}

/** The sentence that using an adapter raises which is not connected. */
export function notConnectedMessage(name: string): string {
  const what = Object.hasOwn(KNOWN, name) ? ` (${KNOWN[name as keyof typeof KNOWN]})` : '';
  return `ctx.${name}${what} is not connected: it is not available in this version. A program that embeds the engine can supply it as an adapter named "${name}".`;
}

/** Known names that none of `adapters` has, each with its sentence; the guest shows them as `ctx.<name>`. */
export function unconnectedAdapters(adapters: readonly Adapter[]): Readonly<Record<string, string>> {
  const there = new Set(adapters.map((adapter) => adapter.name));
  const missing = Object.keys(KNOWN).filter((name) => !there.has(name));
  return Object.fromEntries(missing.map((name) => [name, notConnectedMessage(name)]));
}
