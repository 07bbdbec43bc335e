# what: a setup that takes all memory
# expect: memory, error, crash
def setup(ctx):
    ctx.state.set("before", "kept")
    kept = []
    while True:
        kept.append([0] * 100_000)
def tick(ctx):
    pass
