# what: groups of exceptions, nested deeply and ten thousand wide
# expect: error, memory, timeout, crash
# timeoutMs: 5000
def tick(ctx):
    ctx.state.set("before", "kept")
    deep = ValueError("innermost")
    for _ in range(500):
        deep = ExceptionGroup("level", [deep])
    raise ExceptionGroup("wide", [deep] + [ValueError("x" * 1000) for _ in range(10_000)])
