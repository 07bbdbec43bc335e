# what: an exception whose text never ends
# expect: timeout
def tick(ctx):
    ctx.state.set("before", "kept")
    class Evil(Exception):
        def __str__(self):
            while True:
                try:
                    while True:
                        pass
                except BaseException:
                    pass

        __repr__ = __str__

    raise Evil()
