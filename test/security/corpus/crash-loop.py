# what: the interpreter dies in every tick, until the limit of errors
# expect: crash, memory, timeout, error
# maxErrors: 4
# timeoutMs: 4000
# spawnsMax: 12
def tick(ctx):
    ctx.state.set("before", "kept")
    import ctypes
    ctypes.memset(1024, 255, 10_000_000)
    ctypes.string_at(0, 100)
