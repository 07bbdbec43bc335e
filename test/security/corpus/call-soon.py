# what: callbacks that schedule themselves without end
# expect: ok, timeout
async def tick(ctx):
    ctx.state.set("before", "kept")
    import asyncio
    loop = asyncio.get_running_loop()

    def again():
        loop.call_soon(again)

    again()
    await asyncio.sleep(0.05)
