# what: a future that is never done
# expect: timeout
async def tick(ctx):
    ctx.state.set("before", "kept")
    import asyncio
    await asyncio.get_running_loop().create_future()
