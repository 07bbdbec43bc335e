# what: widths and precisions of formats beyond all memory
# expect: memory, error, crash
def tick(ctx):
    ctx.state.set("before", "kept")
    ways = (lambda: f"{1:>{2 ** 31 - 1}}", lambda: "%*d" % (10 ** 9, 1), lambda: f"{1.5:.{10 ** 9}f}", lambda: "{:0>1000000000}".format(1), lambda: "\t".expandtabs(2 ** 31 - 1), lambda: "x".ljust(2 ** 30))
    caught = 0
    for way in ways:
        try:
            way()
        except (MemoryError, OverflowError, ValueError):
            caught += 1
    raise MemoryError(f"{caught} of {len(ways)}")
