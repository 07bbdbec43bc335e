# what: finalizers that loop and bring themselves back
# expect: timeout, ok, error
def tick(ctx):
    ctx.state.set("before", "kept")
    import gc

    class Evil:
        def __del__(self):
            kept.append(self)
            while True:
                pass

    kept = []
    Evil()
    gc.collect()
