# what: a tick that is a generator
# expect: ok, error, CODE_INVALID, invalid
# state: none
def tick(ctx):
    ctx.state.set("before", "kept")
    while True:
        yield 1
