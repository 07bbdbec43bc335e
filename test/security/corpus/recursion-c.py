# what: recursion through C code
# expect: error, memory, crash, timeout, ok
# timeoutMs: 5000
def tick(ctx):
    ctx.state.set("before", "kept")
    import functools
    import json
    a = []
    for _ in range(10 ** 6):
        a = [a]
    for f in (repr, str, json.dumps, hash, lambda x: x == a, lambda x: x < [x]):
        try:
            f(a)
        except (RecursionError, TypeError):
            pass
