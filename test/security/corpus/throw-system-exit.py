# what: raises SystemExit
# expect: error
def tick(ctx):
    ctx.state.set("before", "kept")
    raise SystemExit(3)
