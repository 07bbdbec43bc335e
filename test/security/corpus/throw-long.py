# what: an exception with huge arguments
# expect: error, memory
def tick(ctx):
    ctx.state.set("before", "kept")
    raise ValueError('x' * 10 ** 7, ['y'] * 10 ** 6)
