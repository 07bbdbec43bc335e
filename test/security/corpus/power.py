# what: a power that takes for ever
# expect: timeout, memory, error
def tick(ctx):
    ctx.state.set("before", "kept")
    x = 3 ** 10 ** 9
    str(x)
