# what: callbacks of the collector that never end, and objects that it cannot free
# expect: timeout, ok, error
# ticks: 3
def tick(ctx):
    ctx.state.set("before", "kept")
    import gc
    def forever(phase, info):
        while True:
            pass
    gc.freeze()
    gc.callbacks.append(forever)
    gc.set_threshold(1)
    a = []
    a.append(a)
    for _ in range(10_000):
        b = []
        b.append(b)
