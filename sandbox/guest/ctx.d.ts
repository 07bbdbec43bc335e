/**
 * Types of a worker in JavaScript or TypeScript.
 *
 * TypeScript: `import type { Ctx } from './ctx.js';`
 * JavaScript: `@param {import('./ctx.js').Ctx} ctx` in a JSDoc comment.
 *
 * `ctx.state` (except `flush`), `ctx.log` and `ctx.worker` answer at once; everything else returns a promise. Capabilities
 * that a platform adds are declared by merging: `declare module './ctx.js' { interface Ctx { mine: … } }`; for the names that {@link Ctx}
 * knows already (`telegram`, …) it is `interface Adapters { telegram: … }`.
 */

/** Anything that JSON can hold. State, parameters, arguments and results of calls are JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/** A worker's own memory: it survives restarts, new versions of the code, and the loss of machines. */
export interface CtxState {
  /**
   * The saved value, or `fallback` (default `undefined`) where there is none. Always a fresh copy: changing it changes
   * nothing until it is set.
   *
   * @example const count = ctx.state.get<number>('count', 0) + 1;
   */
  get<T = unknown>(key: string): T | undefined;
  get<T = unknown>(key: string, fallback: T): T;
  /**
   * Saves a value. It is kept even if the tick fails later.
   *
   * Limits (defaults): key 256 bytes, value 512 KiB as JSON, 16 MiB and 10,000 keys in all. Throws an error with `code`
   * `STATE_LIMIT` beyond them, `STATE_INVALID` for what JSON cannot hold.
   */
  set(key: string, value: unknown): void;
  /** Saves several keys that are never torn apart: after a crash all of them are there, or none. */
  update(values: Readonly<Record<string, unknown>>): void;
  /** Removes a key; false where there was none. */
  delete(key: string): boolean;
  /** All keys. */
  keys(): string[];
  /** All keys and values, as fresh copies. */
  getAll(): Record<string, unknown>;
  /** The same as {@link getAll}. */
  get_all(): Record<string, unknown>;
  /**
   * Resolves when everything written so far is stored. Rarely needed: writes are stored at the end of a tick by themselves,
   * and always before a call that acts on the outside world.
   */
  flush(): Promise<void>;
}

/** Fields of a log line: JSON, shown beside the text. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * The worker's log. A line has at most 10,000 characters, and at most 1,000 lines are taken in ten seconds; more are cut or
 * dropped (and counted), never an error. `console` writes here as well.
 */
export interface CtxLog {
  debug(message: unknown, fields?: LogFields): void;
  info(message: unknown, fields?: LogFields): void;
  warn(message: unknown, fields?: LogFields): void;
  error(message: unknown, fields?: LogFields): void;
  /** Lines leave by themselves; this is here for workers that come from elsewhere. */
  flush(): Promise<void>;
}

/** A value in a query string or a form; a list repeats its name, null leaves it out. */
export type HttpField = string | number | boolean | null | readonly (string | number | boolean | null)[];

/** Options of every request. */
export interface HttpOptions {
  /** Added to the query string. */
  readonly params?: Readonly<Record<string, HttpField>> | null;
  readonly headers?: Readonly<Record<string, string | number>> | null;
  /** Longest time of this request in milliseconds. Default 30,000; the time left in the tick and the operator may lower it. */
  readonly timeoutMs?: number | null;
  /** The same in seconds. */
  readonly timeout?: number | null;
}

/** Options of a request with a body. Give one body only. */
export interface HttpBodyOptions extends HttpOptions {
  /** Sent as JSON. */
  readonly json?: unknown;
  /** An object is sent as a form, a text as it is. */
  readonly data?: string | Readonly<Record<string, HttpField>> | null;
  /** Sent as `application/x-www-form-urlencoded`. */
  readonly form?: Readonly<Record<string, HttpField>> | null;
  /** Exactly these bytes (for signed requests): a text as UTF-8, or base64. */
  readonly rawBody?: string | { readonly base64: string } | null;
}

export interface HttpFetchOptions extends HttpBodyOptions {
  /** Default `GET`. */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS' | null;
}

/** An answer of a server, whatever its status. */
export interface HttpAnswer<T = unknown> {
  readonly status: number;
  /** Status 200 to 299. */
  readonly ok: boolean;
  /** Lower-case names; a repeated header's values are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** Parsed if the content type says JSON, else null. */
  readonly json: T | null;
  readonly error?: undefined;
}

/** No answer: the network failed, it took too long, or the answer was too large. */
export interface HttpFailure {
  /** What happened. */
  readonly error: string;
  /** A short name for it: `TIMEOUT`, `NAME_NOT_FOUND`, `CONNECTION_REFUSED`, `TLS_FAILED`, `RESPONSE_TOO_LARGE`, … */
  readonly code: string;
  readonly status?: undefined;
  readonly ok?: undefined;
  readonly headers?: undefined;
  readonly text?: undefined;
  readonly json?: undefined;
}

/** Check `error` first: `if (answer.error !== undefined) …`. */
export type HttpResult<T = unknown> = HttpAnswer<T> | HttpFailure;

/**
 * Requests to the public web, http and https. Failures of the network are data (`error`); addresses that are not public
 * reject with `code` `EGRESS_DENIED`, mistakes in the arguments with `BAD_ARGUMENT`.
 */
export interface CtxHttp {
  get<T = unknown>(url: string, options?: HttpOptions): Promise<HttpResult<T>>;
  post<T = unknown>(url: string, options?: HttpBodyOptions): Promise<HttpResult<T>>;
  fetch<T = unknown>(url: string, options?: HttpFetchOptions): Promise<HttpResult<T>>;
}

/** Facts about this worker and this call. Times are Unix milliseconds. */
export interface CtxWorker {
  readonly name: string;
  /** Version of the code: the first 12 hex digits of its SHA-256. */
  readonly version: string;
  /** Number of this tick; it grows and is never reused. */
  readonly tick: number;
  /** Milliseconds between ticks; null for a worker that follows a cron expression. */
  readonly intervalMs: number | null;
  /** When this tick was due. */
  readonly dueAt: number;
  /** When the last tick began; null before the first. */
  readonly lastTickAt: number | null;
  /**
   * Why the worker runs in this sandbox: `deploy`, `start` or `restart`; `node-restart` after a restart of the runtime; after the
   * engine replaced its sandbox `cell-lost`, `timeout`, `memory`, `error`, `recycled` or `parked`.
   */
  readonly startedBy: string;
  /** Milliseconds left in this call, at the moment of reading. */
  readonly timeLeftMs: number;
}

/**
 * A durable call whose outcome this worker may not know. An adapter with durable methods has a list of them, made anew for each call
 * of the worker's functions: `readonly unresolved: readonly UnresolvedCall[]`. Look at it before you act.
 */
export interface UnresolvedCall<Request = Readonly<Record<string, unknown>>, Result = unknown> {
  /** What the service knows it by. */
  readonly id: string;
  readonly method: string;
  /** The arguments as the adapter read them. */
  readonly request: Request;
  /** Number of the tick that made it. */
  readonly tick: number;
  /** When it was stored, right before it was sent. Unix milliseconds. */
  readonly at: number;
  /**
   * `done`: the service has acted, or refused for good. `absent`: it has not and never will, so it may be done again. `unknown`: it
   * cannot be told yet; it is found out while the worker ticks, and shown again.
   */
  readonly status: 'done' | 'absent' | 'unknown';
  /** Of one that is `done`: what the call would have returned. Missing where that is larger than 16 KiB. */
  readonly result?: Result;
  /** Why it is `unknown`, or has no `result`. */
  readonly reason?: string;
}

/**
 * An adapter that has a known name and is not there: every method throws a `NotConnectedError` (code `NOT_CONNECTED`) when it is
 * called, at once and not as a promise. Only `unresolved` is there, for what was called while it was connected. With `noUncheckedIndexedAccess` write `ctx.telegram.send?.('…')`.
 */
export interface NotConnected {
  readonly [method: string]: (...args: unknown[]) => never;
}

/**
 * Empty by itself. A platform that supplies an adapter under a known name declares it here:
 * `declare module './ctx.js' { interface Adapters { telegram: { send(text: string): Promise<void> } } }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: made to be merged into.
export interface Adapters {}

/** What is behind a known name: what the platform declared, else nothing. */
export type Adapter<Name extends string> = Adapters extends { readonly [K in Name]: infer Methods }
  ? Methods
  : NotConnected;

/** What every function of a worker is called with. `Params` is the shape of its settings: `Ctx<{ url: string }>`. */
export interface Ctx<Params = Readonly<Record<string, unknown>>> {
  readonly state: CtxState;
  readonly log: CtxLog;
  readonly http: CtxHttp;
  readonly worker: CtxWorker;
  /** The worker's own settings from the configuration, read-only. */
  readonly params: Params;
  /** The connections that this worker may use, by name, read-only. */
  readonly connected: Readonly<Record<string, unknown>>;
  /** The same as {@link connected}. */
  readonly connected_blocks: Readonly<Record<string, unknown>>;
  /** Not part of this version: its methods throw `NotConnectedError` unless the program around the engine supplies it. */
  readonly monitor: Adapter<'monitor'>;
  /** As {@link monitor}. */
  readonly bybit: Adapter<'bybit'>;
  /** As {@link monitor}. */
  readonly ig: Adapter<'ig'>;
  /** As {@link monitor}. */
  readonly telegram: Adapter<'telegram'>;
  /** As {@link monitor}. */
  readonly files: Adapter<'files'>;
  /** As {@link monitor}. */
  readonly llm: Adapter<'llm'>;
}

/** An error that the engine raises: a call that failed, a limit, a timeout. */
export interface CtxError extends Error {
  /** `TickTimeoutError`, `StateError`, `NotConnectedError`, `CallError`. */
  readonly name: string;
  /** `TICK_TIMEOUT`, `STATE_LIMIT`, `STATE_INVALID`, `CALL_LIMIT`, `BAD_ARGUMENT`, `EGRESS_DENIED`, `NOT_CONNECTED`, … */
  readonly code: string;
}

/** `setup`: once per start, before the first tick. Not after the loss of a cell or a restart of the engine. */
export type Setup<Params = Readonly<Record<string, unknown>>> = (ctx: Ctx<Params>) => void | Promise<void>;

/** `tick`: the only function that a worker must have. Never called again before it has ended. Default limit 60 s. */
export type Tick<Params = Readonly<Record<string, unknown>>> = (ctx: Ctx<Params>) => unknown;

/** `on_error` or `onError`: after a `tick` or `setup` that threw or ran out of time. Default limit 10 s. */
export type OnError<Params = Readonly<Record<string, unknown>>> = (
  ctx: Ctx<Params>,
  error: Error & { readonly code?: string },
) => void | Promise<void>;

/** `resume`: when the worker goes on in a fresh sandbox without a new start, to bring back what `setup` kept in variables. */
export type Resume<Params = Readonly<Record<string, unknown>>> = (ctx: Ctx<Params>) => void | Promise<void>;

declare global {
  /** Lines go to the worker's log. */
  interface Console {
    log(...values: unknown[]): void;
    info(...values: unknown[]): void;
    debug(...values: unknown[]): void;
    trace(...values: unknown[]): void;
    warn(...values: unknown[]): void;
    error(...values: unknown[]): void;
  }
  var console: Console;
  /** Timers end with the call in which they were set; none can be set outside of one. */
  function setTimeout<A extends unknown[]>(callback: (...args: A) => void, ms?: number, ...args: A): number;
  function setInterval<A extends unknown[]>(callback: (...args: A) => void, ms?: number, ...args: A): number;
  function clearTimeout(timer: number | undefined): void;
  function clearInterval(timer: number | undefined): void;
  function queueMicrotask(task: () => void): void;
  /** Base64 of characters up to U+00FF. */
  function btoa(data: string): string;
  function atob(data: string): string;
  interface TextEncoder {
    readonly encoding: string;
    encode(text?: string): Uint8Array<ArrayBuffer>;
    encodeInto(text: string, target: Uint8Array): { read: number; written: number };
  }
  interface TextDecoder {
    readonly encoding: string;
    decode(bytes?: ArrayBufferLike | ArrayBufferView, options?: { stream?: boolean }): string;
  }
  // Where the types of browsers are loaded as well, theirs: a variable is declared twice with one type only.
  var TextEncoder: typeof globalThis extends { onmessage: unknown; TextEncoder: infer Theirs }
    ? Theirs
    : new () => TextEncoder;
  var TextDecoder: typeof globalThis extends { onmessage: unknown; TextDecoder: infer Theirs }
    ? Theirs
    : new (
        label?: string,
        options?: { fatal?: boolean; ignoreBOM?: boolean },
      ) => TextDecoder;
  interface Crypto {
    /** Fills the view, at most 65,536 bytes at once, and returns it. */
    getRandomValues<T extends ArrayBufferView>(view: T): T;
    randomUUID(): `${string}-${string}-${string}-${string}-${string}`;
  }
  /** Cryptographic randomness; a run with a supplied seed follows that instead. */
  var crypto: Crypto;
}
