# what: one allocation that is larger than everything
# expect: memory, error
def tick(ctx):
    ctx.state.set("before", "kept")
    bytearray(2 ** 31)
