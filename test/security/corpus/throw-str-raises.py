# what: an exception whose text raises
# expect: error
def tick(ctx):
    ctx.state.set("before", "kept")
    class Evil(Exception):
        def __str__(self):
            raise Evil()

        __repr__ = __str__

        @property
        def __traceback__(self):
            raise Evil()

    raise Evil()
