# what: byte arrays without end
# expect: memory, error
# timeoutMs: 5000
def tick(ctx):
    ctx.state.set("before", "kept")
    kept = []
    while True:
        kept.append(bytearray(1024 * 1024))
