# what: raises KeyboardInterrupt
# expect: error
def tick(ctx):
    ctx.state.set("before", "kept")
    raise KeyboardInterrupt()
