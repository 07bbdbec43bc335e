/**
 * Runs one program of a public suite inside of a sandbox, judges it, and looks for what it may have got hold of. The text of this
 * file is evaluated before the program: everything it needs later is taken here.
 */
(() => {
  // biome-ignore lint/security/noGlobalEval: inside of a sandbox, and programs are scripts.
  const evaluate = globalThis.eval;
  const OwnFunction = Function;
  const OwnPromise = Promise;
  const SafeSet = Set;
  const text = String;
  const { ownKeys, getOwnPropertyDescriptor, getPrototypeOf, apply, defineProperty } = Reflect;
  const slice = String.prototype.slice;
  const addTo = Set.prototype.add;
  const inSet = Set.prototype.has;
  const sourceOf = Function.prototype.toString;
  const includes = String.prototype.includes;
  const transfer = ArrayBuffer.prototype.transfer;
  const later = globalThis.setTimeout;
  const OBJECTS_MAX = 3_000;
  const DETAIL_CHARS = 300;
  /** What is asked for from the constructor of every realm that can be found. */
  const ASK = `return typeof process === 'object' ? process : typeof require === 'function' ? require : undefined`;

  const attempt = (make) => {
    try {
      return make();
    } catch {
      return undefined;
    }
  };
  const isNative = (value) =>
    typeof value === 'function' &&
    attempt(() => apply(includes, apply(sourceOf, value, []), ['[native code]'])) === true;
  const isObject = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function';
  const describe = (thrown) => {
    const name = attempt(() => text(thrown.constructor.name));
    const message = attempt(() => text(thrown.message ?? thrown));
    return apply(slice, `${name ?? typeof thrown}: ${message ?? '(it cannot be described)'}`, [0, DETAIL_CHARS]);
  };

  /** A `process`, `require` or `fs` of the host shows itself by what a thing made up by a program cannot do. */
  const readCanary = (thing, file) => {
    const read = (fs) => (typeof fs?.readFileSync === 'function' ? fs.readFileSync(file, 'utf8') : undefined);
    if (typeof thing.readFileSync === 'function') return read(thing);
    if (typeof thing.getBuiltinModule === 'function') return read(thing.getBuiltinModule('fs'));
    if (typeof thing.mainModule?.require === 'function') return read(thing.mainModule.require('fs'));
    if (typeof thing === 'function' && typeof thing.resolve === 'function' && isObject(thing.cache))
      return read(thing('fs'));
    return undefined;
  };
  const isProcess = (thing) => typeof thing.pid === 'number' && typeof thing.versions?.v8 === 'string';

  /** Everything that can be reached from `roots` without calling anything: does any of it lead to another realm, and that to the host? */
  function probe(roots, params) {
    const reached = [];
    const add = (what) => {
      reached[reached.length] = what;
    };
    const judge = (how, thing) => {
      if (!isObject(thing)) return;
      const canary = attempt(() => readCanary(thing, params.canaryFile));
      if (typeof canary === 'string') add(`${how}: files of the host (${canary})`);
      else if (attempt(() => isProcess(thing))) add(`${how}: the process of the host`);
    };
    const seen = new SafeSet();
    const queue = [];
    const push = (value) => {
      if (!isObject(value) || queue.length >= OBJECTS_MAX || apply(inSet, seen, [value])) return;
      apply(addTo, seen, [value]);
      queue[queue.length] = value;
    };
    for (let i = 0; i < params.nativeNames.length; i++) {
      const name = params.nativeNames[i];
      const value = attempt(() => globalThis[name]);
      let native = isNative(value);
      const members = isObject(value) ? (attempt(() => ownKeys(value)) ?? []) : [];
      for (let m = 0; m < members.length && !native; m++) native = attempt(() => isNative(value[members[m]])) === true;
      if (native) add(`global ${name}`);
      // With all that it leads to.
      push(value);
    }
    for (let i = 0; i < roots.length; i++) push(roots[i]);
    for (let i = 0; i < queue.length; i++) {
      const thing = queue[i];
      judge('object', thing);
      const Maker = attempt(() => thing.constructor.constructor);
      if (typeof Maker === 'function' && Maker !== OwnFunction && !apply(inSet, seen, [Maker])) {
        push(Maker);
        judge(
          'another Function',
          attempt(() => Maker(ASK)()),
        );
      }
      push(attempt(() => getPrototypeOf(thing)));
      const keys = attempt(() => ownKeys(thing)) ?? [];
      for (let k = 0; k < keys.length; k++) {
        const property = attempt(() => getOwnPropertyDescriptor(thing, keys[k]));
        if (property === undefined) continue;
        push(property.value);
        push(property.get);
        push(property.set);
      }
    }
    return reached;
  }

  const define = (name, value) =>
    defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });

  function startTest262(params, end) {
    const judge = (thrown) => {
      const { negative } = params;
      if (thrown === null) return negative === null ? null : `it did not throw ${negative.type}`;
      const isExpected = negative !== null && attempt(() => thrown.value.constructor.name) === negative.type;
      return isExpected ? null : describe(thrown.value);
    };
    let printed = false;
    define('print', (value) => {
      const line = attempt(() => text(value)) ?? '';
      if (printed || !params.isAsync) return;
      printed = true;
      end(line === 'Test262:AsyncTestComplete' ? null : apply(slice, line, [0, DETAIL_CHARS]));
    });
    define('$262', {
      global: globalThis,
      evalScript: (script) => evaluate(script),
      detachArrayBuffer: (buffer) => void apply(transfer, buffer, []),
      destroy: () => undefined,
    });
    // Resizable buffers are absent in a worker on purpose; the harness asks for this method to find out.
    delete ArrayBuffer.prototype.resize;
    for (let i = 0; i < params.harness.length; i++) evaluate(params.harness[i]);
    let thrown = null;
    try {
      evaluate(params.strict ? `"use strict";\n${params.source}` : params.source);
    } catch (value) {
      thrown = { value };
    }
    const problem = judge(thrown);
    if (!params.isAsync || thrown !== null || params.negative !== null) return end(problem);
    // Nothing else will come where there are no timers.
    if (later === undefined) return;
    later(() => end('it did not call print'), params.patienceMs);
  }

  function runTest262(params, report) {
    let done = () => undefined;
    let ended = false;
    const end = (problem) => {
      if (ended) return;
      ended = true;
      report({ end: problem === null ? 'pass' : 'fail', detail: problem ?? '', reached: probe([], params) });
      done();
    };
    try {
      startTest262(params, end);
    } catch (thrown) {
      end(`harness: ${describe(thrown)}`);
    }
    if (ended || later === undefined) return undefined;
    return new OwnPromise((resolve) => {
      done = resolve;
    });
  }

  /** A script; where that cannot be parsed, the body of a CommonJS module. */
  function evaluateProgram(source, module, require) {
    try {
      return evaluate(source);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return OwnFunction('module', 'exports', 'require', source)(module, module.exports, require);
    }
  }

  async function runVm2(params, ctx, report) {
    const module = { exports: {} };
    const require = (name) => {
      throw new Error(`Cannot find module '${name}'`);
    };
    /** In the place of what the test hands in: everything of ours that has something behind it. */
    const stub = Object.assign(
      function stub(value) {
        return ctx.probe.echo(value);
      },
      { ctx, state: ctx.state, probe: ctx.probe },
    );
    for (const name of params.stubs) if (!(name in globalThis)) define(name, stub);
    define('module', module);
    define('exports', module.exports);
    define('require', require);
    define('global', globalThis);
    // vm2 has the host's; many programs begin with it.
    define('Buffer', Object.assign(stub, { from: ctx.probe.echo, of: ctx.probe.echo, alloc: ctx.state.get }));
    const roots = [globalThis, ctx, module];
    const outcome = { end: 'returned', detail: '' };
    const settle = async (value) => {
      roots[roots.length] = value;
      if (!isObject(value) || typeof attempt(() => value.then) !== 'function') return value;
      const quiet = new OwnPromise((resolve) => later(() => resolve('silence'), params.patienceMs));
      return OwnPromise.race([new OwnPromise((resolve, reject) => value.then(resolve, reject)), quiet]);
    };
    try {
      let value = await settle(evaluateProgram(params.source, module, require));
      roots[roots.length] = value;
      const made = typeof value === 'function' ? value : module.exports;
      if (typeof made === 'function') value = await settle(made(stub));
      roots[roots.length] = value;
      outcome.detail = apply(slice, attempt(() => text(value)) ?? typeof value, [0, DETAIL_CHARS]);
    } catch (thrown) {
      roots[roots.length] = thrown;
      outcome.end = 'threw';
      outcome.detail = describe(thrown);
    }
    report({ end: outcome.end, detail: outcome.detail, reached: probe(roots, params) });
  }

  return (params, ctx, report) =>
    params.suite === 'test262' ? runTest262(params, report) : runVm2(params, ctx, report);
})();
