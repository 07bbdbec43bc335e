# what: an exception whose metaclass, repr, traceback and notes all raise or lie
# expect: error, timeout
# timeoutMs: 3000
def tick(ctx):
    ctx.state.set("before", "kept")
    class Meta(type):
        def __getattribute__(cls, name):
            raise RuntimeError(name)
        def __str__(cls):
            raise RuntimeError("str")
        __repr__ = __str__
    class Evil(Exception, metaclass=Meta):
        def __getattribute__(self, name):
            raise RuntimeError(name)
        def __str__(self):
            raise RuntimeError("str")
        __repr__ = __str__
    raise Evil()
