# what: lists without end, and the MemoryError caught
# expect: memory, error, timeout
# timeoutMs: 3000
def tick(ctx):
    ctx.state.set("before", "kept")
    kept = []
    while True:
        try:
            while True:
                kept.append([kept] * 1000)
        except MemoryError:
            pass
