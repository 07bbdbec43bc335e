# what: anonymous maps of memory, as large and as many as it goes
# expect: ok, error, memory, crash
def tick(ctx):
    ctx.state.set("before", "kept")
    import mmap
    kept = []
    for size in (2 ** 40, 2 ** 31 - 1, 2 ** 29) + (2 ** 24,) * 200:
        try:
            kept.append(mmap.mmap(-1, size))
            kept[-1][0] = 1
        except (OSError, ValueError, OverflowError):
            pass
