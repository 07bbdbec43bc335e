import { describe, expect, it } from 'vitest';
import { Refusal, useGuests } from '../support/python-harness.ts';

const { loaded } = useGuests();

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

  it('reads of state what was written last, however it was written', async () => {
    const guest = await loaded(
      `
class Name(str):
    def __hash__(self):
        return 1
    def __str__(self):
        return "another"

def tick(ctx):
    state, seen = ctx.state, []
    state.set("a", 1)
    state.set(Name("a"), 2)
    seen.append(state.get("a"))
    state.update({"a": 3})
    seen.append(state.get("a"))
    state.delete(Name("a"))
    seen.append(state.get("a", "none"))
    state.set("a", None)
    seen.append(state.get("a", "none"))
    state.set("a", [1])
    state.get("a").append(2)
    seen.append(state.get("a"))
    for value in (True, 0, -0.5, 10**30, "text", "\\ud83d\\ude00"):
        state.set("a", value)
        seen.append(state.get("a"))
    state.set("\\U0001f600", 1)
    state.set("\\ud83d\\ude00", 2)
    seen.append(state.get("\\U0001f600"))
    state.set("a", 7)
    try:
        state.set("a", "x" * 600_000)
    except Exception as error:
        seen.append(error.code)
    seen.append(state.get("a"))
    ctx.state.set("seen", repr(seen))
`,
    );
    expect(await guest.run('tick')).toMatchObject(OK);
    expect(guest.value('seen')).toBe(
      "[2, 3, 'none', None, [1], True, 0, -0.5, 1000000000000000000000000000000, 'text', '😀', 2, 'STATE_LIMIT', 7]",
    );
    expect(guest.value('a')).toBe(7);
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
    try:
        ctx.sate
    except AttributeError as error:
        ctx.state.set("near", str(error))
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
    expect(guest.value('near')).toMatch(/^ctx has no 'sate'; did you mean 'state'\? It has aio, .*, worker$/);
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
