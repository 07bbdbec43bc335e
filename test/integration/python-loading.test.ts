import { describe, expect, it } from 'vitest';
import { useGuests } from '../support/python-harness.ts';

const { load, loaded } = useGuests();

const OK = { kind: 'ok' };

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
