/**
 * What a Python worker can reach: of JavaScript nothing but the functions behind `ctx`, and over them no code from strings. The wall stands
 * without that: whoever runs JavaScript in the isolate below finds no handle of isolated-vm, no code of the host, no memory
 * that is not counted, and no global name that leads out.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ivm } from '../../sandbox/isolate/ivm.ts';
import { PythonGuest, useGuests } from '../support/python-harness.ts';
import { nativesOfLanguage, type WalkReport, walkContext } from '../support/walk.ts';

/** Calls behind `ctx`, by name, and what the event loop schedules with. */
const REACHED = [
  'all',
  'call',
  'delete',
  'flush',
  'get',
  'keys',
  'log',
  'set',
  'scheduleCallback',
  'sleep',
  'unresolved',
  'update',
  'worker',
  'zone',
  'zones',
];

const WALK = `
import gc, json, sys, types

def is_js(value):
    try:
        return any(cls.__module__ == "pyodide.ffi" for cls in type(value).__mro__)
    except Exception:
        return False

def everything():
    """Every object of the interpreter: what the collector knows, and what that refers to, until nothing is new."""
    seen, stack = {}, [sys.modules, *gc.get_objects()]
    frame = sys._getframe()
    while frame is not None:
        stack += [frame, frame.f_locals, frame.f_globals, frame.f_builtins]
        frame = frame.f_back
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        stack += gc.get_referents(value)
    return seen

KEYS = """constructor prototype __proto__ caller arguments callee bind call apply then catch toString valueOf return throw next buffer
    stack message name length new js_error parent global globalThis self eval Function _module _api""".split()

def over_attributes(roots):
    """JavaScript objects that attributes of others lead to, until nothing is new."""
    found, stack, names = {}, list(roots), set()
    while stack and len(found) < 20000:
        value = stack.pop()
        try:
            key = value.js_id
        except BaseException:
            key = -id(value)
        if key in found:
            continue
        found[key] = value
        try:
            own = [name for name in dir(value) if name[:2] != "__"]
        except BaseException:
            own = []
        for name in {*KEYS, *own}:
            try:
                next_one = getattr(value, name)
            except BaseException:
                continue
            if is_js(next_one):
                names.add(name)
                stack.append(next_one)
    return found, names, bool(stack)

def code_from(value):
    ways = (
        lambda: value("return 41")(), lambda: value.new("return 41")(), lambda: value("40 + 1"),
        lambda: value.constructor("return 41")(), lambda: value.constructor.constructor("return 41")(),
        lambda: value.__proto__.constructor.constructor("return 41")(),
        lambda: value("return 41")().next().value, lambda: value("yield 41")().next().value,
    )
    for way in ways:
        try:
            if way() == 41:
                return True
        except BaseException:
            pass
    return False

def more():
    """JavaScript objects that are made when they are asked for."""
    webloop = sys.modules["pyodide.webloop"]
    bridge = sys.modules["tick_runtime"]._bridge
    made = []
    class Odd:
        def __str__(self):
            return str(bridge.get(self))
    def attempt(body):
        try:
            made.append(body())
        except BaseException as error:
            made.append(error)
            made.append(error.__cause__)
    attempt(lambda: bridge.flush())
    attempt(lambda: bridge.sleep(0))
    attempt(lambda: bridge.get(Odd()))
    attempt(lambda: bridge.zone(Odd()))
    attempt(lambda: bridge.log(1, 2))
    attempt(lambda: bridge.get.new())
    attempt(lambda: webloop.create_once_callable(lambda: 1))
    attempt(lambda: webloop.create_once_callable(more))
    for name in ("js", "pyodide_js", "_pyodide_core", "pyodide.ffi", "pyodide.code", "ctypes", "_ctypes", "_testcapi"):
        import importlib
        for way in (importlib.import_module, __import__):
            try:
                module = way(name)
            except ImportError:
                continue
            made += [value for value in vars(module).values() if is_js(value)]
            for maker in ("to_js", "create_proxy", "create_once_callable"):
                attempt(lambda: getattr(module, maker)([1]))
            attempt(lambda: module.run_js("({})"))
            attempt(lambda: module.pythonapi)
    return [one for one in made if is_js(one)]

def resume(ctx):
    ctx.state.set("code", code_from(sys.modules["tick_runtime"]._bridge.get))

def tick(ctx):
    seen = everything()
    instances = [value for value in seen.values() if is_js(value) and not isinstance(value, type) and type(value).__name__ != "JsNull"]
    ids = {id(value) for value in instances}
    dicts = [value for value in seen.values() if type(value) is dict]
    names = {key for holder in dicts for key, item in list(holder.items()) if type(key) is str and id(item) in ids}
    made = more()
    found, keys, cut = over_attributes([*instances, *made])
    code = [str(type(value)) + str(value)[:80] for value in found.values() if code_from(value)]
    ctx.state.set("report", {
        "objects": len(seen), "instances": len(instances), "names": sorted(names), "made": len(made),
        "js": len(found), "keys": sorted(keys), "cut": cut, "code": code,
    })
`;

interface Report {
  readonly objects: number;
  readonly instances: number;
  readonly names: readonly string[];
  readonly made: number;
  readonly js: number;
  readonly keys: readonly string[];
  readonly cut: boolean;
  readonly code: readonly string[];
}

describe('what a Python worker can reach of JavaScript', () => {
  const { loaded } = useGuests();

  it('is what stands behind ctx, and leads to no code from strings', async () => {
    const guest = await loaded(WALK);
    expect(await guest.run('tick', { timeoutMs: 60_000 })).toEqual({ kind: 'ok', error: null, report: null });
    const report = guest.value('report') as Report;
    expect(report.objects).toBeGreaterThan(50_000);
    expect(report.names).toEqual(REACHED.toSorted());
    expect(report.instances).toBe(REACHED.length);
    expect(report.made).toBeGreaterThan(2);
    expect(report.js).toBeGreaterThan(REACHED.length);
    expect(report.cut).toBe(false);
    expect(report.code).toEqual([]);
  }, 120_000);
});

describe('the JavaScript below a Python worker, were it not hidden from it', () => {
  /** What JavaScript has there beyond the language: none of it leads out of the isolate. */
  const SHELL = ['TextDecoder', 'TextEncoder', 'URL', 'clearTimeout', 'os', 'performance', 'pyodide', 'setTimeout'];
  const TAKEN = ['Atomics', 'SharedArrayBuffer'];
  let guest: PythonGuest;
  let report: WalkReport;
  let known: readonly string[];

  beforeAll(async () => {
    known = await nativesOfLanguage(TAKEN);
    [guest] = await PythonGuest.load(WALK, {}, 'open');
    report = await walkContext(guest.guest.context, known, { options: '{ callsMax: 0, wasm: true }' });
  }, 120_000);
  afterAll(() => guest.dispose());

  it('is walked to its end, the insides of the interpreter too', async () => {
    expect(report.cut).toBe(false);
    expect(report.nodes).toBeGreaterThan(5_000);
    const reached = await guest.guest.context.eval(
      `typeof pyodide._module._malloc + typeof pyodide._api.tests + typeof pyodide.globals`,
    );
    expect(reached).toBe('functionobjectobject');
  });

  it('has no name that leads out', async () => {
    const names = JSON.parse(
      (await guest.guest.context.eval('JSON.stringify(Object.getOwnPropertyNames(globalThis).sort())')) as string,
    ) as string[];
    const isolate = new ivm.Isolate({ memoryLimit: 32 });
    const language = JSON.parse(
      (await (await isolate.createContext()).eval('JSON.stringify(Object.getOwnPropertyNames(globalThis))')) as string,
    ) as string[];
    isolate.dispose();
    expect(names.filter((name) => !language.includes(name))).toEqual(SHELL);
    expect(language.filter((name) => !names.includes(name)).toSorted()).toEqual(TAKEN);
  });

  it('leads to no handle of isolated-vm and no other realm', () => {
    expect(report.named).toEqual([]);
    expect(report.foreign).toEqual([]);
  });

  it('leads to no native code but that of the language and of the interpreter', () => {
    // A class of Pyodide's behind a proxy, which looks native.
    expect(report.strange.filter((one) => !one.startsWith('globalThis.pyodide._api.LiteralMap: '))).toEqual([]);
  });

  it('leads to no memory that is not counted', () => {
    expect(report.uncounted).toEqual([]);
  });

  it('would be reached from Python, and run code there', async () => {
    expect(await guest.run('resume')).toEqual({ kind: 'ok', error: null, report: null });
    expect(guest.value('code')).toBe(true);
  });

  it('and the walker would find a handle among the insides of the interpreter', async () => {
    await guest.guest.context.evalClosure('pyodide._api.planted = { deep: [$0] }', [new ivm.Reference({})]);
    const { named } = await walkContext(guest.guest.context, known, { options: '{ callsMax: 0, wasm: true }' });
    expect(named.join('\n')).toMatch(/planted/);
  });
});
