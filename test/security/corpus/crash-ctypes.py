# what: memory of the interpreter overwritten through ctypes
# expect: error, crash, ok, memory, timeout
def tick(ctx):
    ctx.state.set("before", "kept")
    import ctypes
    for address in (0, 8, 1024, 65536, 10 ** 6):
        ctypes.memset(address, 255, 100000)
    ctypes.string_at(0, 100)
