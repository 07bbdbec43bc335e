# what: tasks that are left running, swallow their end and start others
# expect: ok, timeout
# timeoutMs: 3000
async def tick(ctx):
    ctx.state.set("before", "kept")
    import asyncio
    async def stay():
        while True:
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                asyncio.ensure_future(stay())
    for _ in range(20):
        asyncio.ensure_future(stay())
