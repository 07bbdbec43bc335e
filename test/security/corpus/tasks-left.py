# what: tasks of asyncio that are left running after the tick
# expect: ok
# intervalMs: 10000
# idleCpuMs: 30
async def tick(ctx):
    ctx.state.set("before", "kept")
    import asyncio
    async def stay():
        while True:
            await asyncio.sleep(0.001)
    for _ in range(20):
        asyncio.ensure_future(stay())
