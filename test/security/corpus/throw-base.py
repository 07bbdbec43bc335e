# what: raises type
# expect: error
def tick(ctx):
    ctx.state.set("before", "kept")
    raise type('Evil', (BaseException,), {})()
