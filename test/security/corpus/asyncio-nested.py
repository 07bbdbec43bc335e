# what: event loops inside of the event loop, and a policy that lies
# expect: ok, error, timeout
# timeoutMs: 3000
async def tick(ctx):
    ctx.state.set("before", "kept")
    import asyncio
    async def forever():
        while True:
            await asyncio.sleep(0)
    for way in (lambda: asyncio.run(forever()), lambda: asyncio.get_running_loop().run_until_complete(forever()), lambda: asyncio.new_event_loop().run_forever(), lambda: asyncio.get_running_loop().stop(), lambda: asyncio.get_running_loop().close()):
        try:
            way()
        except Exception:
            pass
    asyncio.set_event_loop(None)
    asyncio._get_running_loop = lambda: None
