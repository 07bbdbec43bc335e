# what: callbacks of the event loop that are left after the tick, and set themselves again
# expect: ok, timeout
async def tick(ctx):
    ctx.state.set("before", "kept")
    import asyncio
    loop = asyncio.get_running_loop()
    def again():
        loop.call_later(0.001, again)
    again()
