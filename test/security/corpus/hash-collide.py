# what: a set whose members all have one hash
# expect: timeout
# timeoutMs: 2000
def tick(ctx):
    ctx.state.set("before", "kept")
    class Same:
        def __hash__(self):
            return 1
    while True:
        set(Same() for _ in range(20_000))
