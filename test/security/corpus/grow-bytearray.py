# what: byte arrays without end
# expect: memory, error
def tick(ctx):
    ctx.state.set("before", "kept")
    kept = []
    while True:
        kept.append(bytearray(1024 * 1024))
