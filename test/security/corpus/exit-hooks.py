# what: hooks for the end of the process, for exceptions and for what cannot be raised, which never end
# expect: error, timeout, ok
# timeoutMs: 2000
def tick(ctx):
    ctx.state.set("before", "kept")
    import atexit, sys, threading, weakref
    def forever(*args):
        while True:
            pass
    atexit.register(forever)
    sys.excepthook = sys.unraisablehook = sys.displayhook = sys.breakpointhook = threading.excepthook = forever
    class Thing:
        pass
    weakref.finalize(Thing(), forever)
    raise ValueError("with hooks")
