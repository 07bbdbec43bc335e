# what: a MemoryError that nothing but the worker raised
# expect: memory
def tick(ctx):
    ctx.state.set("before", "kept")
    raise MemoryError("made up")
