import { afterEach, describe, expect, it } from 'vitest';
import { PythonImage } from '../../sandbox/pyodide/boot.ts';
import { LIMITS, PythonGuest, preparePython, Refusal, type RunEnd } from '../support/python-harness.ts';

const guests: PythonGuest[] = [];

afterEach(() => {
  for (const guest of guests.splice(0)) guest.dispose();
});

type More = Parameters<typeof PythonGuest.load>[1];

async function load(files: string | Record<string, string>, more?: More): Promise<[PythonGuest, RunEnd]> {
  const [guest, end] = await PythonGuest.load(files, more);
  guests.push(guest);
  return [guest, end];
}

async function loaded(files: string | Record<string, string>, more?: More): Promise<PythonGuest> {
  const [guest, end] = await load(files, more);
  expect(end).toMatchObject({ kind: 'ok' });
  return guest;
}

const HTTP = {
  capabilities: [
    { adapter: 'http', method: 'get', parameters: ['url', 'params', 'headers', 'timeout'] },
    { adapter: 'http', method: 'post', parameters: ['url', 'json', 'data', 'rawBody', 'headers', 'timeout'] },
    { adapter: 'bybit', method: 'getTickers', parameters: ['symbol', 'category', 'timeoutMs'] },
  ],
} as const;

const OK = { kind: 'ok' };

describe('a Python guest', () => {
  it("runs the seed's example: setup, ticks that count, on_error", async () => {
    const guest = await loaded(`
def setup(ctx):
    ctx.state.set("counter", 0)
    ctx.log.info("Worker started")

def tick(ctx):
    count = ctx.state.get("counter", 0) + 1
    ctx.state.set("counter", count)
    ctx.log.info(f"Tick #{count}")

def on_error(ctx, error):
    ctx.log.error(f"Error occurred: {error}")
`);
    expect(await guest.run('setup')).toMatchObject(OK);
    expect(await guest.run('tick')).toMatchObject(OK);
    expect(await guest.run('tick')).toMatchObject(OK);
    const error = { name: 'ValueError', message: 'from elsewhere', stack: '' };
    expect(await guest.run('on_error', { error })).toMatchObject(OK);
    expect(guest.value('counter')).toBe(2);
    expect(guest.texts).toEqual(['Worker started', 'Tick #1', 'Tick #2', 'Error occurred: from elsewhere']);
  });

  it('waits for calls in plain functions', async () => {
    const guest = await loaded(
      `
def tick(ctx):
    page = ctx.http.get("https://example.org", {"q": 1}, timeout=2.5)
    ctx.state.set("text", page["text"])
    sent = ctx.http.post("https://example.org", json={"a": [1, None]}, raw_body=None)
    price = ctx.bybit.get_tickers("BTCUSDT", timeout=1.5)
    ctx.state.set("last", price["last_price"])
    ctx.http.post("https://example.org", raw_body=b"\\xff")
    ctx.state.flush()
`,
      HTTP,
    );
    guest.answer = (capability) =>
      capability === 'bybit.getTickers' ? { last_price: '1.50' } : { status: 200, ok: true, headers: {}, text: 'é✓' };
    expect(await guest.run('tick')).toMatchObject(OK);
    expect(guest.calls).toEqual([
      { capability: 'http.get', args: { url: 'https://example.org', params: { q: 1 }, timeout: 2.5 } },
      { capability: 'http.post', args: { url: 'https://example.org', json: { a: [1, null] } } },
      { capability: 'bybit.getTickers', args: { symbol: 'BTCUSDT', timeoutMs: 1_500 } },
      { capability: 'http.post', args: { url: 'https://example.org', rawBody: { base64: '/w==' } } },
    ]);
    expect([guest.value('text'), guest.value('last'), guest.flushes]).toEqual(['é✓', '1.50', 1]);
  });

  it('takes async functions: await, plain calls, gather, sleep and ctx.aio', async () => {
    const guest = await loaded(
      `
import asyncio, time

async def tick(ctx):
    a = await ctx.http.get("a")
    b = ctx.http.get("b")
    c, d = await asyncio.gather(ctx.aio.http.get("c"), ctx.aio.http.get("d"))
    await asyncio.sleep(0.05)
    time.sleep(0.025)
    await ctx.aio.state.flush()
    async with asyncio.timeout(5):
        async with asyncio.TaskGroup() as group:
            one = group.create_task(helper(ctx, "e"))
            two = group.create_task(helper(ctx, "f"))
    ctx.state.set("all", [a["text"], b["text"], c["text"], d["text"], one.result(), two.result()])

async def helper(ctx, name):
    await asyncio.sleep(0)
    return ctx.http.get(name)["text"]
`,
      HTTP,
    );
    guest.answer = (_capability, { url }) => ({ text: `<${url}>` });
    guest.realTimers = true;
    expect(await guest.run('tick')).toMatchObject(OK);
    expect(guest.value('all')).toEqual(['<a>', '<b>', '<c>', '<d>', '<e>', '<f>']);
    expect(guest.timers.slice(0, 2)).toEqual([50, 25]);
  });

  it('lets several calls be open at once with ctx.aio', async () => {
    const guest = await loaded(
      `
import asyncio
async def tick(ctx):
    await asyncio.gather(*(ctx.aio.http.get(str(i)) for i in range(5)))
`,
      HTTP,
    );
    guest.hold = true;
    await expect(guest.run('tick')).rejects.toThrow('waits');
    expect(guest.held).toHaveLength(5);
  });

  it('raises typed errors for calls that fail', async () => {
    const guest = await loaded(
      `
from tick_runtime import CallError, NotConnectedError, TickTimeoutError

def tick(ctx):
    try:
        ctx.http.get("https://example.org")
    except CallError as error:
        ctx.state.set("call", [str(error), error.code])
    for use in (lambda: ctx.telegram.send("x"), lambda: ctx.telegram()):
        try:
            use()
        except RuntimeError as error:
            assert isinstance(error, NotConnectedError)
            ctx.state.set("telegram", str(error))
    try:
        ctx.http.fetch("x")
    except AttributeError as error:
        ctx.state.set("unknown", str(error))
    ctx.http.get("slow")

def on_error(ctx, error):
    ctx.state.set("error", [type(error).__name__, isinstance(error, TickTimeoutError), str(error)])
`,
      { ...HTTP, unconnected: { telegram: 'Add a connection of type telegram.' } },
    );
    guest.answer = (_capability, { url }) =>
      url === 'slow' ? new Refusal('TICK_TIMEOUT', 'Too late.') : new Refusal('FORBIDDEN_HOST', 'No such place.');
    const end = await guest.run('tick');
    expect(end.error).toMatchObject({ name: 'TickTimeoutError', message: 'Too late.' });
    expect(await guest.run('on_error', { error: end.error as never })).toMatchObject(OK);
    expect(guest.value('call')).toEqual(['No such place.', 'FORBIDDEN_HOST']);
    expect(guest.value('telegram')).toBe('Add a connection of type telegram.');
    expect(guest.value('unknown')).toBe("ctx.http has no 'fetch'; it has get, post");
    expect(guest.value('error')).toEqual(['TickTimeoutError', true, 'Too late.']);
  });

  it('raises TickTimeoutError in a call that waits when the time is over', async () => {
    const guest = await loaded(
      `
import time
def tick(ctx):
    try:
        ctx.http.get("slow")
    finally:
        ctx.state.set("tidied", True)
def setup(ctx):
    time.sleep(1)
    ctx.http.get("slow")
`,
      HTTP,
    );
    guest.hold = guest.expires = true;
    expect((await guest.run('tick')).error).toMatchObject({ name: 'TickTimeoutError' });
    expect(guest.value('tidied')).toBe(true);
    guest.expires = true;
    const { error } = await guest.run('setup');
    expect(error).toMatchObject({ name: 'TickTimeoutError' });
    expect(error?.stack).toContain('line 10, in setup');
  });

  it('shows ctx.worker, params and connected', async () => {
    const guest = await loaded(
      `
def tick(ctx):
    w = ctx.worker
    ctx.state.set("w", [w.name, w.version, w.tick, w.interval, w.due_at, w.last_tick_at, w.started_by, 5 < w.time_left <= 10])
    ctx.state.set("p", [ctx.params["symbol"], ctx.connected, ctx.connected_blocks is ctx.connected])
`,
      { params: { symbol: 'BTC' }, connected: { alerts: { type: 'telegram' } } },
    );
    await guest.run('tick', { info: { tick: 7, lastTickAt: 500 } });
    expect(guest.value('w')).toEqual(['worker', '1', 7, 10, 1, 0.5, 'start', true]);
    expect(guest.value('p')).toEqual(['BTC', { alerts: { type: 'telegram' } }, true]);
  });
});

describe('ctx.state of a Python guest', () => {
  it('carries JSON exactly, in fresh copies', async () => {
    const guest = await loaded(
      `
def tick(ctx):
    value = {"big": 2**80, "list": (1, 2.5, None, True), "text": "é✓😀\\ud800", "deep": {"a": {}}}
    ctx.state.set("v", value)
    back = ctx.state.get("v")
    assert back == {**value, "list": [1, 2.5, None, True]}, back
    back["deep"]["a"] = 1
    assert ctx.state.get("v")["deep"] == {"a": {}}
    ctx.state.update({"x": 1, "y": [2]}, z=3)
    assert sorted(ctx.state.keys()) == ["old", "v", "x", "y", "z"], ctx.state.keys()
    assert ctx.state.get("old") == 2**60 + 1
    assert ctx.state.delete("x") is True and ctx.state.delete("x") is False
    assert ctx.state.get("x") is None and ctx.state.get("x", 5) == 5
    assert ctx.state.get_all()["y"] == [2] and "x" not in ctx.state.get_all()
`,
      { state: [['old', '1152921504606846977']] },
    );
    expect(await guest.run('tick')).toMatchObject(OK);
    expect(guest.state.get('v')).toContain('"big":1208925819614629174706176');
  });

  it.each([
    ['float("nan")', 'nan'],
    ['{"a": [1, float("inf")]}', 'inf'],
    ['b"x"', 'bytes'],
    ['{1, 2}', 'set'],
    ['{1: 2}', 'key 1 (int)'],
    ['__import__("datetime").datetime(2026, 1, 1)', 'datetime.datetime'],
    ['__import__("decimal").Decimal("1.5")', 'Decimal'],
    ['10**5000', 'JSON'],
    ['loop', 'nested too deep'],
    ['object()', 'object'],
  ])('refuses %s with a StateError that names key and type', async (value, said) => {
    const guest = await loaded(`
loop = []
loop.append(loop)
def tick(ctx):
    ctx.state.set("k", ${value})
`);
    const { error } = await guest.run('tick');
    expect(error?.name).toBe('StateError');
    expect(error?.message).toContain("'k'");
    expect(error?.message).toContain(said);
    expect(guest.state.size).toBe(0);
  });

  it('passes on the limits of the core', async () => {
    const guest = await loaded(`
def tick(ctx):
    ctx.state.set("k", "x" * 600_000)
`);
    expect((await guest.run('tick')).error).toMatchObject({ name: 'StateError' });
  });
});

describe('loading Python', () => {
  it('finds siblings, packages, relative imports and data files', async () => {
    const guest = await loaded(
      {
        'bot/main.py':
          'import helper\nfrom . import helper as same\nfrom .deep.math2 import double\nfrom shared import tool\nassert helper is same\ndef tick(ctx):\n  ctx.state.set("v", [helper.one, double(2), tool.name, open("bot/data.json").read()])\n',
        'bot/helper.py': 'one = 1\n',
        'bot/deep/math2.py': 'from . import more\ndef double(x): return x * more.two\n',
        'bot/deep/more.py': 'two = 2\n',
        'shared/__init__.py': '',
        'shared/tool.py': 'name = __name__\n',
        'bot/data.json': '{}',
      },
      { entry: 'bot/main.py' },
    );
    expect(await guest.run('tick')).toMatchObject(OK);
    expect(guest.value('v')).toEqual([1, 4, 'shared.tool', '{}']);
  });

  it('takes an entry inside a package', async () => {
    const guest = await loaded(
      { 'bot/__init__.py': 'x = 1', 'bot/main.py': 'from . import x\ndef tick(ctx): ctx.state.set("x", x)\n' },
      { entry: 'bot/main.py' },
    );
    await guest.run('tick');
    expect(guest.value('x')).toBe(1);
  });

  it.each([
    ['def tick(ctx):\n  x = = 1\n', 'SyntaxError', 'File "worker.py", line 2, column 7'],
    ['import nothere\ndef tick(ctx): pass\n', 'ModuleNotFoundError', 'File "worker.py", line 1'],
    ['def setup(ctx): pass\n', 'SyntaxError', 'File "worker.py", line 1'],
    ['tick = 1\n', 'SyntaxError', 'defines no function tick(ctx)'],
    ['x = 1\n\ny = x / 0\ndef tick(ctx): pass\n', 'ZeroDivisionError', 'File "worker.py", line 3'],
    ['import sys\nsys.exit(3)\n', 'SystemExit', 'File "worker.py", line 2'],
  ])('reports %j with file and line', async (code, name, where) => {
    const [, end] = await load(code);
    expect(end).toMatchObject({ kind: 'error', error: { name } });
    expect(end.error?.stack).toContain(where);
    expect(end.error?.stack).not.toMatch(/tick_runtime|python314|_pyodide/);
  });

  it("shows the worker's own frames with their source, causes included", async () => {
    const guest = await loaded({
      'worker.py':
        'import json, helper\n\ndef tick(ctx):\n    try:\n        json.loads("{")\n    except ValueError as e:\n        helper.fail(e)\n',
      'helper.py': 'def fail(error):\n    raise KeyError("gone") from error\n',
    });
    const { error } = await guest.run('tick');
    expect(error).toMatchObject({ name: 'KeyError', message: "'gone'" });
    expect(error?.stack).toContain('File "helper.py", line 2, in fail\n    raise KeyError("gone") from error');
    expect(error?.stack).toContain('json.loads("{")');
    expect(error?.stack).toContain('direct cause');
    expect(error?.stack).not.toMatch(/tick_runtime|python314/);
  });

  it.each([
    ['import socket', 'ctx.http'],
    ['import urllib.request', 'ctx.http'],
    ['from urllib import request', 'ctx.http'],
    ['import http.client as c', 'ctx.http'],
    ['import requests', 'ctx.http'],
    ['import threading', 'one thread'],
    ['import subprocess', 'processes'],
    ['import multiprocessing', 'processes'],
    ['import numpy as np', 'No wheels'],
    ['import pandas', 'No wheels'],
    ['import js', 'internal'],
    ['import pyodide_js', 'internal'],
    ['import ctypes', 'internal'],
    ['from nowhere import x', 'standard library'],
    ['import importlib\nimportlib.import_module("requests")', 'ctx.http'],
  ])('refuses %j with a sentence that helps', async (statement, said) => {
    const [, end] = await load(`${statement}\ndef tick(ctx): pass\n`);
    expect(end.error?.name).toMatch(/ImportError|ModuleNotFoundError/);
    expect(end.error?.message).toContain(said);
  });

  it('says that there is no time zone data', async () => {
    const guest = await loaded('import zoneinfo\ndef tick(ctx): zoneinfo.ZoneInfo("Europe/Berlin")\n');
    const { error } = await guest.run('tick');
    expect(error).toMatchObject({ name: 'ZoneInfoNotFoundError' });
    expect(error?.message).toContain('datetime.UTC');
  });

  it('lets annotations name the types of ctx', async () => {
    const guest = await loaded(
      'from ctx import Ctx, TickTimeoutError\nimport tick_runtime\nassert tick_runtime.TickTimeoutError is TickTimeoutError\ndef tick(ctx: Ctx) -> None:\n  assert isinstance(ctx, Ctx)\n',
    );
    expect(await guest.run('tick')).toMatchObject(OK);
  });

  it('imports the standard library', async () => {
    await loaded(`
import math, statistics, datetime, json, collections, time, re, functools, itertools, decimal, hashlib, hmac, base64, copy
import random, os, sys, logging, urllib.parse, http, asyncio, dataclasses, enum, typing, uuid, secrets, csv, io, pathlib, zlib
import sqlite3, html, string, textwrap, heapq, bisect, contextlib, fractions, tempfile, struct, queue, email, zoneinfo, calendar
assert hashlib.sha256(b"x").hexdigest().startswith("2d71")
def tick(ctx): pass
`);
  });

  it.each([
    ['def setup(ctx):\n    ctx.state.set("a", 1)\n', false],
    ['n = 0\ndef setup(ctx):\n    global n\n    n = 1\n', true],
    ['n = 0\ndef setup(ctx):\n    global n\n    print(n)\n', false],
    ['cache = {}\ndef setup(ctx):\n    cache["a"] = 1\n', true],
    ['class A: pass\ndef setup(ctx):\n    A.x.y[0] = 1\n', true],
    ['def setup(ctx):\n    d = {}\n    d["a"] = 1\n    for x in d: pass\n', false],
    ['async def setup(ctx):\n    global n\n    n += 1\n', true],
  ])('finds out whether setup binds globals: %j', async (code, binds) => {
    const [, end] = await load(`${code}\ndef tick(ctx): pass\n`);
    expect(end.report).toMatchObject({ setupBindsGlobals: binds, functions: ['setup', 'tick'] });
  });
});

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

  it('leaves nothing of the host in reach, and no way to more memory, even through JavaScript', async () => {
    const guest = await loaded(`
import gc, sys, os
def find_js():
    for module in list(sys.modules.values()):
        for value in list(getattr(module, "__dict__", {}).values()):
            if type(value).__name__.startswith("Js") and hasattr(value, "constructor"):
                return value
def tick(ctx):
    assert not sys.modules["_pyodide._importhook"].jsfinder.jsproxies
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
