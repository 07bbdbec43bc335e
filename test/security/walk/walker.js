/**
 * Walks everything that can be reached from some objects, until there is nothing more: own and inherited properties under any key,
 * what getters give, prototypes, entries of collections, targets of weak references, callers and arguments of functions, and what
 * every function returns or throws when it is called with nothing. Plain JavaScript: it runs inside of a sandbox, as a worker's code.
 *
 * A function of the host, or one of another realm, has no way to hide: it is native code that the language itself does not have
 * (`known`: what a walk of an isolate that nobody touched found), or its prototypes do not end in this realm.
 */
// biome-ignore lint/correctness/noUnusedVariables: whoever bundles this text adds what comes of it
function createWalker(nodesMax, known = null, { callsMax = 2, wasm = false } = {}) {
  const objectPrototype = Object.prototype;
  const functionPrototype = Function.prototype;
  const { then } = Promise.prototype;
  const seen = new Map();
  const queue = [];
  const natives = new Map();
  const foreign = [];
  const named = [];
  const strange = [];
  const uncounted = [];
  const promises = [];
  let cut = false;
  /** Names that only isolated-vm gives: its classes, and members that nothing of the language has. */
  const classes =
    'Reference Isolate Context Callback ExternalCopy Copy Dereference Transferable NativeModule InspectorSession isolated_vm'.split(
      ' ',
    );
  const members =
    'applySync applyIgnored applySyncPromise derefInto copyInto copySync createContextSync createSnapshot compileScriptSync evalSync evalClosureSync transferIn cpuTime getHeapStatisticsSync isDisposed referenceCount'.split(
      ' ',
    );

  const isObject = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function';
  const attempt = (body) => {
    try {
      return body();
    } catch (error) {
      return error;
    }
  };
  const sourceOf = (value) => {
    try {
      return functionPrototype.toString.call(value);
    } catch {
      return '';
    }
  };

  /** `calls`: how many calls led here. */
  function add(value, path, calls) {
    if (!isObject(value) || seen.has(value)) return;
    if (seen.size >= nodesMax) {
      cut = true;
      return;
    }
    seen.set(value, path);
    queue.push({ value, path, calls });
  }

  function rootOf(value) {
    let at = value;
    for (;;) {
      const next = Reflect.getPrototypeOf(at);
      if (next === null) return at;
      at = next;
    }
  }

  /** True where it must be left alone: to touch a handle with the wrong receiver can end the process. */
  function judge(value, path) {
    const before = named.length + strange.length;
    const root = attempt(() => rootOf(value));
    // A chain ends at this realm's Object.prototype, or in something that was made without a prototype.
    if (root !== objectPrototype && root !== value && Reflect.ownKeys(root).includes('constructor')) foreign.push(path);
    for (const name of members) if (Object.hasOwn(value, name)) named.push(`${path}.${name}`);
    const tag = attempt(() => value[Symbol.toStringTag]);
    if (classes.includes(tag)) named.push(`${path} is a ${tag}`);
    if (typeof value !== 'function') return named.length + strange.length > before;
    if (value !== functionPrototype && !(value instanceof Function)) foreign.push(path);
    const name = Object.getOwnPropertyDescriptor(value, 'name')?.value;
    const source = sourceOf(value);
    if (!source.endsWith('{ [native code] }')) return false;
    // What WebAssembly exports is named by its number.
    if (wasm && /^\d+$/.test(name)) return false;
    // What is bound in vain has the name of nothing.
    if (wasm && /^bound ./.test(name)) return false;
    if (classes.includes(name)) named.push(`${path} is ${name}`);
    const keys = Reflect.ownKeys(value)
      .map(String)
      .filter((key) => !/^\d+$/.test(key) && key !== 'prepareStackTrace' && !(wasm && key === 'sig'))
      .toSorted();
    // Many functions have no name: those are known by where they are.
    const place = name === '' ? path.slice(path.lastIndexOf('.')) : '';
    const signature = `${String(name)}(${String(value.length)}) ${keys.join()}${place}`;
    if (!natives.has(signature)) natives.set(signature, path);
    if (known !== null && !known.has(signature)) strange.push(`${path}: ${signature}`);
    return named.length + strange.length > before;
  }

  function visitProperties(value, path, calls) {
    for (let holder = value; holder !== null; holder = Reflect.getPrototypeOf(holder)) {
      // The names of the bytes of an interpreter, its memory and files, would fill the memory of the walker.
      if (ArrayBuffer.isView(holder) && holder.byteLength > 10_000) continue;
      const keys = Reflect.ownKeys(holder);
      for (const key of keys) {
        const { value: own, get, set } = Reflect.getOwnPropertyDescriptor(holder, key) ?? {};
        const name = `${path}.${String(key)}`;
        if (holder === value) {
          add(own, name, calls);
          add(get, `${name}(get)`, calls);
          add(set, `${name}(set)`, calls);
        }
        // An inherited getter answers for whoever inherits it.
        if (get !== undefined)
          add(
            attempt(() => Reflect.apply(get, value, [])),
            `${name}()`,
            calls,
          );
      }
    }
  }

  function visitInsides(value, path, calls) {
    if (value instanceof Map)
      for (const [key, item] of Map.prototype.entries.call(value)) {
        add(key, `${path}(key)`, calls);
        add(item, `${path}(value)`, calls);
      }
    if (value instanceof Set) for (const item of Set.prototype.values.call(value)) add(item, `${path}(item)`, calls);
    if (value instanceof WeakRef) add(WeakRef.prototype.deref.call(value), `${path}(target)`, calls);
    if (value instanceof Promise || attempt(() => value[Symbol.toStringTag]) === 'Promise') {
      // Nobody waits for most of them.
      attempt(() => then.call(value, undefined, () => undefined));
      promises.push({ promise: value, path, calls });
    }
    if (typeof value !== 'function') return;
    for (const key of ['caller', 'arguments', 'callee', 'sent', 'displayName'])
      add(
        attempt(() => value[key]),
        `${path}.${key}`,
        calls,
      );
  }

  function callWithNothing(value, path, calls) {
    if (typeof value !== 'function' || calls >= callsMax || path.endsWith('(set)')) return;
    const receiver = attempt(() => seen.size > 0 && value.prototype);
    add(
      attempt(() => Reflect.apply(value, undefined, [])),
      `${path}<call>`,
      calls + 1,
    );
    add(
      attempt(() => Reflect.apply(value, receiver, [])),
      `${path}<call on prototype>`,
      calls + 1,
    );
    add(
      attempt(() => Reflect.construct(value, [])),
      `${path}<new>`,
      calls + 1,
    );
  }

  /** Memory that no limit counts, however a buffer is asked for. */
  function askForBuffers(value, path, calls) {
    const name = attempt(() => value.name);
    const makesMemory = ['ArrayBuffer', 'SharedArrayBuffer', 'Memory'].includes(name);
    if (typeof value !== 'function' || (calls >= callsMax && !makesMemory)) return;
    const options = { maxByteLength: 64, initial: 1, maximum: 2, shared: true };
    const derived = attempt(() => class extends value {});
    const ways = {
      new: () => new value(8, options),
      call: () => value(8, options),
      'call on a buffer': () => Reflect.apply(value, new ArrayBuffer(8), [64, options]),
      derived: () => new derived(8, options),
      'target of another': () => Reflect.construct(value, [8, options], Object),
      'with a target': () => Reflect.construct(Object, [8, options], value),
      'with options only': () => new value(options),
    };
    for (const [way, make] of Object.entries(ways)) {
      const made = attempt(make);
      if (!isObject(made)) continue;
      add(made, `${path}<${way}>`, calls + 1);
      const buffer = attempt(() => made.buffer);
      for (const one of [made, buffer])
        if (
          isObject(one) &&
          (attempt(() => one.resizable) === true ||
            attempt(() => one.growable) === true ||
            attempt(() => one[Symbol.toStringTag]) === 'SharedArrayBuffer')
        )
          uncounted.push(`${path} ${way}`);
    }
  }

  /** An object of Python behind a proxy of Pyodide's: the walk of Python sees to it. */
  const isPython = (value) =>
    wasm &&
    !ArrayBuffer.isView(value) &&
    attempt(() => Object.getOwnPropertySymbols(value).some((key) => key.description === 'pyproxy.attrs')) === true;

  function drain() {
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) {
      const { value, path, calls } = item;
      if (isPython(value)) continue;
      if (attempt(() => judge(value, path)) === true) continue;
      attempt(() => add(Reflect.getPrototypeOf(value), `${path}.__proto__`, calls));
      attempt(() => visitProperties(value, path, calls));
      attempt(() => visitInsides(value, path, calls));
      attempt(() => askForBuffers(value, path, calls));
      callWithNothing(value, path, calls);
    }
  }

  /** Whatever settles without the outside world has settled by then. */
  async function soon(value) {
    for (let turn = 0; turn < 100; turn++) await null;
    return value;
  }

  return {
    /** A primitive leads nowhere; anything else is walked, with all that it leads to. */
    walk(value, path) {
      add(value, path, 0);
      drain();
    },
    /** What promises that were met give: walked as well, until none is left that settles at once. */
    async settle() {
      const never = {};
      while (promises.length > 0) {
        const { promise, path, calls } = promises.pop();
        const result = await Promise.race([promise, soon(never)]).catch((error) => error);
        if (result !== never) add(result, `${path}(result)`, calls);
        drain();
      }
    },
    has: (value) => seen.has(value),
    report: () => ({ nodes: seen.size, cut, foreign, named, strange, uncounted, natives: Object.fromEntries(natives) }),
  };
}

/** One of everything that the language makes and that no property leads to. */
// biome-ignore lint/correctness/noUnusedVariables: as above
function createSpecimens() {
  const sloppy = Function('return arguments')(1);
  const caught = (body) => {
    try {
      return body();
    } catch (error) {
      return error;
    }
  };
  const all = {
    sloppyArguments: sloppy,
    strictArguments: Function('"use strict"; return arguments')(1),
    sloppyThis: Function('return this')(),
    bound: (() => {}).bind({ bound: true }, 1),
    arrow: () => undefined,
    asyncFunction: async () => undefined,
    generatorFunction: function* () {},
    asyncGeneratorFunction: async function* () {},
    generator: (function* () {
      yield 1;
    })(),
    asyncGenerator: (async function* () {
      yield 1;
    })(),
    template: ((strings) => strings)`a${1}b`,
    match: 'abc'.match(/(?<x>b)/d),
    matches: 'abc'.matchAll(/b/g),
    raw: JSON.rawJSON?.('1'),
    proxy: Proxy.revocable({}, {}),
    date: new Date(0),
    regExp: /x/u,
    nested: Object.fromEntries([['__proto__', { own: 1 }]]),
    iterators: [
      [][Symbol.iterator](),
      new Map().entries(),
      new Set().values(),
      ''[Symbol.iterator](),
      'x'.matchAll(/x/g),
      Iterator.from([1]).map((x) => x),
      Iterator.from({ next: () => ({ done: true }) }),
      caught(() => Iterator.concat([1])),
    ],
    errors: [
      caught(() => null.x),
      caught(() => undefinedName),
      caught(() => new Array(-1)),
      caught(() => Function('(')),
      caught(() => decodeURIComponent('%')),
      caught(() => 1n ** -1n),
      new AggregateError([new Error('inner', { cause: new TypeError('cause') })]),
      caught(() => {
        const deep = () => deep() + 1;
        return deep();
      }),
    ],
    weak: new WeakRef({ target: { deep: true } }),
    registry: new FinalizationRegistry(() => undefined),
    promises: [
      Promise.resolve({ value: 1 }),
      Promise.reject({ reason: 1 }).catch((reason) => reason),
      Promise.withResolvers(),
      caught(() => Function('return import("nothing")')().catch((error) => error)),
      Array.fromAsync([1]),
    ],
    buffers: [new ArrayBuffer(8), new Uint8Array(8), new DataView(new ArrayBuffer(8)), new Float64Array(1).subarray(0)],
    disposables: [new DisposableStack(), new AsyncDisposableStack()],
    intl: Object.getOwnPropertyNames(Intl).map((name) =>
      caught(() => (name === 'DisplayNames' ? new Intl[name]('en', { type: 'region' }) : new Intl[name]('en'))),
    ),
    segments: caught(() => [...new Intl.Segmenter('en').segment('a b')]),
    parts: caught(() => new Intl.DateTimeFormat('en').formatToParts(0)),
    temporal:
      typeof Temporal === 'undefined'
        ? []
        : [
            Temporal.Now.instant(),
            caught(() => Temporal.Now.zonedDateTimeISO()),
            Temporal.PlainDate.from('2026-01-01'),
            Temporal.PlainTime.from('00:00'),
            Temporal.PlainDateTime.from('2026-01-01T00:00'),
            Temporal.PlainYearMonth.from('2026-01'),
            Temporal.PlainMonthDay.from('01-01'),
            Temporal.Duration.from('P1D'),
          ],
  };
  return all;
}
