# what: raises StopIteration
# expect: error
def tick(ctx):
    ctx.state.set("before", "kept")
    raise StopIteration()
