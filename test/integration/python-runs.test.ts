import { describe, expect, it } from 'vitest';
import { ivm } from '../../sandbox/isolate/ivm.ts';
import { PythonImage } from '../../sandbox/pyodide/boot.ts';
import { LIMITS, preparePython, useGuests } from '../support/python-harness.ts';

const { loaded } = useGuests();
const open = useGuests('open');

const HTTP = {
  capabilities: [
    { adapter: 'http', method: 'get', parameters: ['url', 'params', 'headers', 'timeout'] },
    { adapter: 'http', method: 'post', parameters: ['url', 'json', 'data', 'rawBody', 'headers', 'timeout'] },
    { adapter: 'bybit', method: 'getTickers', parameters: ['symbol', 'category', 'timeoutMs'] },
  ],
} as const;

const OK = { kind: 'ok' };

describe('what a Python run leaves behind', () => {
  it('sends print and stderr to the log by lines', async () => {
    const guest = await loaded(`
import sys, logging
def tick(ctx):
    print("a", "b", end="")
    print("c\\nd")
    print("to stderr", file=sys.stderr)
    logging.getLogger("x").warning("logged")
    ctx.log.warn("w", {"a": {1}}, b=float("nan"))
    print("no newline", end="")
`);
    await guest.run('tick');
    expect(guest.logs.map(({ level, text }) => `${level} ${text}`)).toEqual([
      'info a bc',
      'info d',
      'warn to stderr',
      'warn logged',
      'warn w',
      'info no newline',
    ]);
    expect(guest.logs[4]?.fields).toEqual({ a: [1], b: 'nan' });
  });

  it('cancels tasks that the tick left, and runs their cleanup', async () => {
    const guest = await loaded(`
import asyncio
left = []
async def forever(ctx):
    try:
        while True:
            await asyncio.sleep(1)
    finally:
        ctx.state.set("cleaned", True)
async def tick(ctx):
    left.append(asyncio.create_task(forever(ctx)))
    await asyncio.sleep(0)
def on_error(ctx, error):
    ctx.state.set("cancelled", left[0].cancelled())
`);
    expect(await guest.run('tick')).toMatchObject(OK);
    await guest.run('on_error', { error: { name: 'E', message: '', stack: '' } });
    expect([guest.value('cleaned'), guest.value('cancelled')]).toEqual([true, true]);
  });

  it('tells an exception of an async function or of a task once, and logs nothing of it by itself', async () => {
    const guest = await loaded(`
import asyncio
async def bad():
    raise KeyError("BTC")
async def tick(ctx):
    await asyncio.sleep(0)
    await bad()
async def on_error(ctx, error):
    await asyncio.gather(bad(), asyncio.create_task(bad()))
def setup(ctx):
    asyncio.run(bad())
`);
    for (const fn of ['tick', 'on_error', 'setup'] as const) {
      const { error } = await guest.run(fn);
      expect(error).toMatchObject({ name: 'KeyError', stack: expect.stringContaining('in bad') });
    }
    expect(guest.logs).toEqual([]);
  });

  it('makes the exception of a forgotten task the error of the tick', async () => {
    const guest = await loaded(`
import asyncio
async def bad():
    raise ValueError("nobody asked")
async def tick(ctx):
    asyncio.create_task(bad())
    await asyncio.sleep(0.01)
`);
    expect((await guest.run('tick')).error).toMatchObject({ name: 'ValueError', message: 'nobody asked' });
  });

  it('takes asyncio.run in a plain function, and refuses generators', async () => {
    const guest = await loaded(`
import asyncio
async def main(ctx):
    await asyncio.sleep(0.01)
    ctx.state.set("ran", True)
def tick(ctx):
    asyncio.run(main(ctx))
def setup(ctx):
    yield 1
`);
    expect(await guest.run('tick')).toMatchObject(OK);
    expect(guest.value('ran')).toBe(true);
    expect((await guest.run('setup')).error).toMatchObject({ name: 'TypeError' });
  });

  it('hands on_error the exception itself, and rebuilds one from elsewhere', async () => {
    const guest = await loaded(`
class Mine(Exception):
    pass
thrown = Mine("x")
def tick(ctx):
    raise thrown
def on_error(ctx, error):
    ctx.state.set("e", [error is thrown, type(error).__name__, str(error)])
`);
    const { error } = await guest.run('tick');
    expect(error).toMatchObject({ name: 'Mine', message: 'x' });
    await guest.run('on_error', { error: error as never });
    expect(guest.value('e')).toEqual([true, 'Mine', 'x']);
    await guest.run('on_error', { error: { name: 'TickTimeoutError', message: 'late', stack: 's' } });
    expect(guest.value('e')).toEqual([false, 'TickTimeoutError', 'late']);
    await guest.run('on_error', { error: { name: 'Other', message: 'm', stack: 's' } });
    expect(guest.value('e')).toEqual([false, 'WorkerError', 'm']);
  });

  it('describes exceptions that cannot be described', async () => {
    const guest = await loaded(`
class Bad(Exception):
    def __str__(self):
        raise KeyboardInterrupt
    __repr__ = __str__
def tick(ctx):
    raise Bad("x" * 10)
def setup(ctx):
    raise ValueError("y" * 1_000_000)
def resume(ctx):
    def down(n): down(n + 1)
    down(0)
`);
    expect((await guest.run('tick')).error).toMatchObject({ name: 'Bad' });
    const { error } = await guest.run('setup');
    expect(error?.message.length).toBeLessThan(5_000);
    expect(error?.stack.length).toBeLessThan(17_000);
    expect((await guest.run('resume')).error).toMatchObject({ name: 'RecursionError' });
  });
});

describe('time and randomness of a Python guest', () => {
  const CODE = `
import random, time, datetime, os, uuid, secrets
def tick(ctx):
    ctx.state.set("r", [random.random(), os.urandom(8).hex(), str(uuid.uuid4()), secrets.token_hex(4)])
    ctx.state.set("t", [time.time(), datetime.datetime.now(datetime.UTC).isoformat()])
`;
  it('differs between interpreters from one snapshot', async () => {
    const drawn: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      const guest = await loaded(CODE);
      await guest.run('tick');
      drawn.push(...(guest.value('r') as unknown[]));
      const [seconds] = guest.value('t') as [number];
      expect(Math.abs(seconds - Date.now() / 1000)).toBeLessThan(5);
    }
    expect(new Set(drawn).size).toBe(8);
  });

  it('follows a supplied seed, and is random again without one', async () => {
    const drawn: unknown[] = [];
    const guest = await loaded(CODE);
    for (const seed of [7, 7, 8, undefined, undefined, 7]) {
      await guest.run('tick', { world: seed === undefined ? {} : { seed } });
      drawn.push(JSON.stringify(guest.value('r')));
    }
    expect(drawn[1]).toBe(drawn[0]);
    expect(drawn[5]).toBe(drawn[0]);
    expect(new Set(drawn).size).toBe(4);
  });

  it('keeps a seed that the worker set itself over its ticks', async () => {
    const guest = await loaded(`
import random
random.seed(42)
expected = [random.random() for _ in range(3)]
random.seed(42)
def tick(ctx):
    ctx.state.set("same", random.random() == expected[ctx.worker.tick])
`);
    for (const tick of [0, 1, 2]) {
      await guest.run('tick', { info: { tick } });
      expect(guest.value('same')).toBe(true);
    }
  });

  it('follows a supplied clock', async () => {
    const guest = await loaded(CODE);
    await guest.run('tick', { world: { nowMs: 1_700_000_000_500 } });
    expect(guest.value('t')).toEqual([1_700_000_000.5, '2023-11-14T22:13:20.500000+00:00']);
  });
});

describe('the boot of a Python guest', () => {
  it('never waits for a compilation in the background, which may end when nothing enters the isolate any more', async () => {
    const { image } = await preparePython();
    const isolate = new ivm.Isolate({ memoryLimit: 128 });
    const context = await isolate.createContext();
    await context.eval(`WebAssembly.compile = WebAssembly.instantiate = () => new Promise(() => {})`);
    const driver = await image.boot(isolate, context, LIMITS.memoryBytes);
    expect(driver.typeof).toBe('object');
    isolate.dispose();
  });
});

describe('a Python snapshot', () => {
  it('is used only for what it was made from', async () => {
    const { options, image, snapshot } = await preparePython();
    expect(image.hasSnapshot).toBe(true);
    expect(new PythonImage({ ...options, snapshot, prelude: `${options.prelude}\n` }).hasSnapshot).toBe(false);
    expect(snapshot.length).toBeLessThan(24 * 1_048_576);
  });
});

describe('the walls of a Python guest', () => {
  const MIB = 1_048_576;

  it('ends an endless loop at its time limit', async () => {
    const guest = await loaded('def tick(ctx):\n  while True: pass\n');
    expect(await guest.run('tick', { timeoutMs: 300 })).toMatchObject({ kind: 'terminated' });
  });

  it('ends a loop behind a call at its time limit', async () => {
    const guest = await loaded('def tick(ctx):\n  ctx.http.get("x")\n  while True: pass\n', HTTP);
    expect(await guest.run('tick', { timeoutMs: 300 })).toMatchObject({ kind: 'terminated' });
  });

  it('gives MemoryError at its memory limit', async () => {
    const guest = await loaded(
      `
def tick(ctx):
    try:
        x = bytearray(200 * 1024 * 1024)
    except MemoryError:
        ctx.state.set("caught", True)
    rows = []
    while True:
        rows.append(bytearray(1024 * 1024))
`,
      { limits: { ...LIMITS, memoryBytes: 96 * MIB } },
    );
    const end = await guest.run('tick');
    expect(end.error?.name).toBe('MemoryError');
    expect(guest.value('caught')).toBe(true);
  });

  it('lets nothing out that the node would not understand', async () => {
    const guest = await loaded(
      `
import tick_runtime
def tick(ctx):
    bridge = tick_runtime._bridge
    assert bridge.set("a", "{").startswith("!")
    assert bridge.set("a", "[" * 100 + "]" * 100).startswith("!")
    assert bridge.update('[["a", "{"]]').startswith("!")
    assert bridge.update('[["a", "1"], 5]').startswith("!")
    bridge.log("shout", 5, "nonsense")
    bridge.log("warn", "x", "[1]")
    tick_runtime.run = bridge.call("http.get", "{")
    tick_runtime._describe = lambda error: {"name": "n" * 10_000, "message": "m" * 1_000_000, "stack": 5}
    raise ValueError
`,
      HTTP,
    );
    const { error } = await guest.run('tick');
    expect([error?.name.length, error?.message.length, error?.stack]).toEqual([128, 4_200, '5']);
    expect(guest.logs).toEqual([
      { level: 'info', text: '5', fields: null },
      { level: 'warn', text: 'x', fields: null },
    ]);
    expect([guest.state.size, guest.calls]).toEqual([0, []]);
  });

  it('leaves nothing of the host in reach, and no way to more memory, were JavaScript not hidden from it', async () => {
    const guest = await open.loaded(`
import gc, sys, os
def find_js():
    for module in list(sys.modules.values()):
        for value in list(getattr(module, "__dict__", {}).values()):
            if type(value).__name__.startswith("Js") and hasattr(value, "constructor"):
                return value
def tick(ctx):
    proxy = find_js()
    assert proxy is not None
    function = proxy.constructor
    while not hasattr(function, "constructor") or "Function" not in str(function.constructor):
        function = function.constructor
    run = lambda code: function.constructor.new(code)()
    ctx.state.set("globals", [run("return typeof " + name) for name in ("process", "require", "host", "fetch", "read", "readbuffer")])
    refused = {}
    for name, code in {
        "memory": "return new WebAssembly.Memory({initial: 1000})",
        "shared": "return new SharedArrayBuffer(8)",
        "module": "return new WebAssembly.Module(new Uint8Array([0,97,115,109,1,0,0,0]))",
        "table": "return new WebAssembly.Table({element: 'externref', initial: 10000000})",
        "resizable": "return new ArrayBuffer(8, {maxByteLength: 1e9}).resizable === false && undefined.x",
        "again": "return new (Object.getPrototypeOf(new ArrayBuffer(1)).constructor)(8, {maxByteLength: 1e9}).resizable === false && undefined.x",
    }.items():
        try:
            run(code)
            refused[name] = False
        except Exception as error:
            refused[name] = True
    ctx.state.set("refused", refused)
    ctx.state.set("env", sorted(os.environ))
    ctx.state.set("root", sorted(os.listdir("/")))
`);
    expect(await guest.run('tick')).toMatchObject(OK);
    expect(new Set(guest.value('globals') as string[])).toEqual(new Set(['undefined']));
    expect(Object.values(guest.value('refused') as object)).toEqual(Array(6).fill(true));
    expect(guest.value('root')).not.toContain('work');
  });
});
