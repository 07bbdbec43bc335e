# what: bytecode that was never compiled
# expect: error, memory, timeout, crash, ok
# timeoutMs: 3000
def tick(ctx):
    ctx.state.set("before", "kept")
    def f():
        pass

    try:
        f.__code__ = f.__code__.replace(co_code=bytes(range(256)) * 4, co_stacksize=1)
        f()
    except Exception:
        pass
