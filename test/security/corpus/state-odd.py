# what: values and keys that JSON cannot carry
# expect: ok
def tick(ctx):
    ctx.state.set("before", "kept")
    found = []
    cyclic = []
    cyclic.append(cyclic)
    for value in (float("nan"), float("inf"), b"x", {1, 2}, cyclic, object(), lambda: 1, {1: 2}, 1j, ctx):
        try:
            ctx.state.set("odd", value)
            found.append(repr(value))
        except (ValueError, TypeError):
            pass
    for key in (1, None, "\ud800", "x" * 300, b"k", ()):
        try:
            ctx.state.set(key, 1)
            found.append(repr(key))
        except (ValueError, TypeError):
            pass
    for key in ("__proto__", "constructor", "toString"):
        ctx.state.set(key, {key: 1})
        if ctx.state.get(key) != {key: 1}:
            found.append(key)
    ctx.state.set("half", "\ud800")
    ctx.state.set("found", found)
