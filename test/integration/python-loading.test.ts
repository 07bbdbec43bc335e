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
    ['x = 1\n\ndef tick():\n  pass\n', 'SyntaxError', 'File "worker.py", line 3'],
    ['async def tick(ctx, more):\n  pass\n', 'SyntaxError', 'tick is called with ctx: write def tick(ctx)'],
    ['def tick(ctx, *, more):\n  pass\n', 'SyntaxError', 'tick is called with ctx'],
    ['def tick(ctx): pass\ndef on_error(ctx): pass\n', 'SyntaxError', 'on_error is called with ctx and error'],
    ['tick = 1\n', 'SyntaxError', 'defines no function tick(ctx)'],
    ['x = 1\n\ny = x / 0\ndef tick(ctx): pass\n', 'ZeroDivisionError', 'File "worker.py", line 3'],
    ['import sys\nsys.exit(3)\n', 'SystemExit', 'File "worker.py", line 2'],
  ])('reports %j with file and line', async (code, name, where) => {
    const [, end] = await load(code);
    expect(end).toMatchObject({ kind: 'error', error: { name } });
    expect(end.error?.stack).toContain(where);
    expect(end.error?.stack).not.toMatch(/tick_runtime|python314|_pyodide/);
  });

  it.each([
    'def tick(*all): pass\n',
    'def tick(ctx, more=1, *, other=2): pass\n',
    'def tick(ctx=None): pass\ndef on_error(*all, **named): pass\n',
    'import functools\ndef real(a, ctx): pass\ntick = functools.partial(real, 1)\n',
    'class Bot:\n  def tick(self, ctx): pass\ntick = Bot().tick\n',
  ])('takes %j', async (code) => {
    const guest = await loaded(code);
    expect(await guest.run('tick')).toMatchObject(OK);
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

  it('has the time zones of the world, as the engine that runs it knows them', async () => {
    const guest = await loaded(`
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

def shown(name, *at):
    moment = datetime(*at, tzinfo=timezone.utc).astimezone(ZoneInfo(name))
    return [moment.isoformat(), moment.tzname(), moment.dst() == timedelta(0)]

def tick(ctx):
    ctx.state.set("shown", [
        shown("Europe/Berlin", 2026, 1, 15), shown("Europe/Berlin", 2026, 3, 29, 1), shown("Europe/Berlin", 1970, 1, 1),
        shown("America/New_York", 2026, 7, 1), shown("Asia/Kathmandu", 2026, 7, 1), shown("Australia/Lord_Howe", 2026, 7, 1),
        shown("Europe/Berlin", 2099, 7, 1), shown("UTC", 2026, 1, 1), shown("US/Eastern", 2026, 1, 1),
    ])
    twice = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    ctx.state.set("twice", [str(twice.utcoffset()), str(twice.replace(fold=1).utcoffset())])
    ctx.state.set("all", [len(available_timezones()) > 400, "Europe/Berlin" in available_timezones(), "UTC" in available_timezones()])
`);
    expect(await guest.run('tick')).toMatchObject(OK);
    expect(guest.value('shown')).toEqual([
      ['2026-01-15T01:00:00+01:00', 'CET', true],
      ['2026-03-29T03:00:00+02:00', 'CEST', false],
      ['1970-01-01T01:00:00+01:00', 'CET', true],
      ['2026-06-30T20:00:00-04:00', 'EDT', false],
      ['2026-07-01T05:45:00+05:45', '+0545', true],
      ['2026-07-01T10:30:00+10:30', 'LHST', true],
      ['2099-07-01T02:00:00+02:00', 'CEST', false],
      ['2026-01-01T00:00:00+00:00', 'UTC', true],
      ['2025-12-31T19:00:00-05:00', 'EST', true],
    ]);
    expect(guest.value('twice')).toEqual(['2:00:00', '1:00:00']);
    expect(guest.value('all')).toEqual([true, true, true]);
  });

  it.each(['Europe/Berlim', 'europe/berlin', '+01:00', 'x'.repeat(1_000)])(
    'says what a time zone is called where there is none of this name: %s',
    async (name) => {
      const guest = await loaded(`import zoneinfo\ndef tick(ctx): zoneinfo.ZoneInfo(${JSON.stringify(name)})\n`);
      const { error } = await guest.run('tick');
      expect(error).toMatchObject({ name: 'ZoneInfoNotFoundError' });
      expect(error?.message).toContain("such as 'Europe/Berlin'");
    },
  );

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
