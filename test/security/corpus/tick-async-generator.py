# what: a tick that is an asynchronous generator
# expect: ok, error, CODE_INVALID, invalid
# state: none
async def tick(ctx):
    ctx.state.set("before", "kept")
    while True:
        yield 1
