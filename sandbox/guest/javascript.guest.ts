/** The JavaScript driver: evaluates the bundle, builds `ctx`, calls the worker's functions. */
import type { CapabilityInfo, GuestError, GuestFunction, LogLevel } from '../protocol.ts';
import type { Driver, GuestCore } from './contract.guest.ts';
import { describe, fault, rebuild, showStack } from './faults.guest.ts';
import { encode } from './json.guest.ts';
import { show } from './log.guest.ts';
import {
  append,
  apply,
  create,
  createProxy,
  defineProperty,
  defineValue,
  evaluate,
  freeze,
  getPrototypeOf,
  isArray,
  keysOf,
  parse,
  promiseThen,
} from './primordials.guest.ts';
import { installWebGlobals, type WebGlobals } from './web-globals.guest.ts';

type Call = (...args: unknown[]) => unknown;

/** Names under which a worker may offer each function. */
const NAMES: Readonly<Record<GuestFunction, readonly string[]>> = {
  setup: ['setup'],
  tick: ['tick'],
  resume: ['resume'],
  on_error: ['on_error', 'onError'],
};

export function createJavascriptDriver(global: typeof globalThis, seed: ArrayBuffer): Driver {
  const functions = create(null) as Record<string, Call>;
  let ctx: object = {};
  let core: GuestCore | null = null;
  let web: WebGlobals | null = null;
  /** What the last run threw first: `on_error` gets the very object where it runs in the same sandbox. */
  let lastThrown: { thrown: unknown; told: GuestError } | null = null;

  return {
    load(given) {
      core = given;
      installGlobals(given, global);
      web = installWebGlobals(global, seed);
      ctx = createCtx(given);
      const exports: unknown = evaluate(given.spec.code ?? '');
      const found: GuestFunction[] = [];
      for (const name of keysOf(NAMES) as GuestFunction[]) {
        for (const alias of NAMES[name]) {
          const value = (exports as Record<string, unknown> | null | undefined)?.[alias];
          if (typeof value !== 'function' || functions[name] !== undefined) continue;
          functions[name] = value as Call;
          append(found, name);
        }
      }
      return { functions: found, setupBindsGlobals: false, durationMs: 0 };
    },
    run(fn, error) {
      const call = functions[fn] as Call;
      web?.useSeed(core?.world()?.seed ?? null);
      if (fn !== 'on_error') {
        lastThrown = null;
        return apply(call, undefined, [ctx]);
      }
      const last = lastThrown;
      lastThrown = null;
      if (last === null || error === null) return apply(call, undefined, [ctx, rebuild(error ?? describe(undefined))]);
      const { thrown, told } = last;
      const isTold = told.name === error.name && told.message === error.message;
      if (isTold && error.stack !== '' && error.stack !== told.stack) showStack(thrown, error.stack);
      return apply(call, undefined, [ctx, thrown]);
    },
    describe(thrown) {
      const told = describe(thrown);
      lastThrown ??= { thrown, told };
      return told;
    },
  };
}

function installGlobals(core: GuestCore, global: typeof globalThis): void {
  const define = (name: string, value: unknown): void => {
    defineProperty(global, name, { value, writable: true, configurable: true, enumerable: false });
  };
  const line =
    (level: LogLevel): Call =>
    (...args) => {
      let text = '';
      for (let i = 0; i < args.length; i++) text += (i === 0 ? '' : ' ') + show(args[i]);
      core.log(level, text, null);
    };
  define('console', {
    log: line('info'),
    info: line('info'),
    debug: line('debug'),
    warn: line('warn'),
    error: line('error'),
    trace: line('debug'),
  });
  define('setTimeout', (fn: unknown, ms?: unknown, ...args: unknown[]) => core.setTimer(fn, ms, false, args));
  define('setInterval', (fn: unknown, ms?: unknown, ...args: unknown[]) => core.setTimer(fn, ms, true, args));
  define('clearTimeout', (id: unknown) => core.clearTimer(id));
  define('clearInterval', (id: unknown) => core.clearTimer(id));
}

function createCtx(core: GuestCore): object {
  const ctx = create(null) as Record<string, unknown>;
  ctx['state'] = createState(core);
  ctx['log'] = createLog(core);
  defineProperty(ctx, 'worker', { get: () => freeze(core.worker()), enumerable: true });
  ctx['params'] = freezeDeep(core.spec.params);
  ctx['connected'] = freezeDeep(core.spec.connected);
  ctx['connected_blocks'] = ctx['connected'];
  const { capabilities, unconnected } = core.spec;
  for (let i = 0; i < capabilities.length; i++) {
    const info = capabilities[i] as CapabilityInfo;
    ctx[info.adapter] ??= create(null);
    const methods = ctx[info.adapter] as Record<string, unknown>;
    methods[info.method] = capability(core, info);
    if (info.durable !== true || 'unresolved' in methods) continue;
    defineProperty(methods, 'unresolved', { get: () => parse(core.unresolved(info.adapter)), enumerable: true });
  }
  for (const name of keysOf(unconnected))
    ctx[name] ??= notConnected(unconnected[name] as string, () => parse(core.unresolved(name)));
  for (const name of keysOf(ctx)) if (typeof ctx[name] === 'object') freeze(ctx[name]);
  return freeze(ctx);
}

function createState(core: GuestCore): object {
  const { state } = core;
  const depth = core.spec.limits.stateDepth;
  const getAll = (): Record<string, unknown> => {
    const all: Record<string, unknown> = {};
    const keys = state.keys();
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      defineValue(all, key, parse(state.get(key) as string), true);
    }
    return all;
  };
  return {
    get(key: string, fallback?: unknown): unknown {
      const json = state.get(key);
      return json === undefined ? fallback : parse(json);
    },
    set: (key: string, value: unknown) => state.set(key, encode(value, `ctx.state "${key}"`, depth)),
    update(values: Record<string, unknown>): void {
      if (!isPlain(values)) throw fault('STATE_INVALID', 'ctx.state.update takes an object of keys and values.');
      const entries: [string, string][] = [];
      for (const key of keysOf(values)) append(entries, [key, encode(values[key], `ctx.state "${key}"`, depth)]);
      state.update(entries);
    },
    delete: (key: string) => state.delete(key),
    keys: () => state.keys(),
    getAll,
    get_all: getAll,
    flush: () => state.flush(),
  };
}

function createLog(core: GuestCore): object {
  const line = (level: LogLevel) => (text: unknown, fields?: unknown) =>
    core.log(level, show(text), isPlain(fields) ? show(fields) : null);
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    /** Lines leave by themselves; this only exists because workers of other engines call it. */
    flush: () => promiseThen(Promise.resolve(), () => undefined),
  };
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || isArray(value)) return false;
  const prototype: unknown = getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/**
 * `ctx.http.get(url, { headers })`: the first `positional` arguments by position, then one object of named ones. A single
 * object whose keys are all parameters is taken as named ones too.
 */
function capability(core: GuestCore, info: CapabilityInfo): Call {
  const name = `${info.adapter}.${info.method}`;
  const { parameters } = info;
  const positional = info.positional ?? parameters.length;
  return async (...args) => {
    const named = create(null) as Record<string, unknown>;
    const only: unknown = args[0];
    if (
      args.length === 1 &&
      isPlain(only) &&
      keysOf(only).length > 0 &&
      keysOf(only).every((key) => parameters.includes(key))
    )
      for (const key of keysOf(only)) named[key] = only[key];
    else
      for (let i = 0; i < args.length; i++) {
        const value: unknown = args[i];
        if (i < positional) {
          if (value !== undefined) named[parameters[i] as string] = value;
        } else if (i === positional && isPlain(value)) {
          for (const key of keysOf(value)) if (value[key] !== undefined) named[key] = value[key];
        } else if (value !== undefined)
          throw fault(
            'BAD_ARGUMENT',
            `ctx.${name} takes (${parameters.slice(0, positional).join(', ')}${positional < parameters.length ? ', options' : ''}).`,
          );
      }
    return parse(await core.call(name, encode(named, `The arguments of ctx.${name}`, 64))) as unknown;
  };
}

/** What it did while it was connected can still be looked at. */
function notConnected(sentence: string, unresolved: () => unknown): object {
  const refuse = (): never => {
    throw fault('NOT_CONNECTED', sentence);
  };
  // `then` must not look like a method, or `await ctx.telegram` would call it.
  return createProxy(create(null) as object, {
    get: (_target, key) => {
      if (key === 'unresolved') return unresolved();
      return typeof key === 'symbol' || key === 'then' ? undefined : refuse;
    },
  });
}

function freezeDeep(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    for (const key of keysOf(value)) freezeDeep((value as Record<string, unknown>)[key]);
    freeze(value);
  }
  return value;
}
