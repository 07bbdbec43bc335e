# what: a chain of ten thousand causes
# expect: error, memory, timeout
# timeoutMs: 3000
def tick(ctx):
    ctx.state.set("before", "kept")
    error = None
    for i in range(10000):
        try:
            raise ValueError(i) from error
        except ValueError as caught:
            error = caught
    raise error
