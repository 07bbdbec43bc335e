# what: ten thousand tasks that sleep and swallow their end
# expect: ok, timeout, error, memory
# timeoutMs: 3000
async def tick(ctx):
    ctx.state.set("before", "kept")
    import asyncio

    async def stay():
        while True:
            try:
                await asyncio.sleep(0.001)
            except BaseException:
                pass

    for _ in range(10000):
        asyncio.ensure_future(stay())
    await asyncio.sleep(0.2)
