# what: tasks and callbacks that outlive their tick
# expect: ok
async def tick(ctx):
    ctx.state.set("before", "kept")
    import asyncio

    async def later():
        await asyncio.sleep(0.02)
        ctx.state.set('found', ['a task outlived its tick'])

    asyncio.ensure_future(later())
    loop = asyncio.get_running_loop()
    loop.call_later(0.02, lambda: ctx.state.set('found', ['a callback outlived its tick']))
