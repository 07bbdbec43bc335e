# what: an endless loop
# expect: timeout
def tick(ctx):
    ctx.state.set("before", "kept")
    while True:
        pass
