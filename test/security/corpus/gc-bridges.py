# what: everything that the collector knows searched for ways to JavaScript, and what their functions give away
# expect: ok, error, memory, timeout
# timeoutMs: 8000
def tick(ctx):
    ctx.state.set("before", "kept")
    import gc
    found = []
    words = ("process", "require", "Deno", "XMLHttpRequest", "WebSocket", "importScripts", "ivm")
    for one in gc.get_objects():
        kind = type(one).__name__
        if "Js" not in kind:
            continue
        for word in words:
            try:
                if getattr(one, word, None) is not None:
                    found.append(f"{kind}.{word}")
            except BaseException:
                pass
        try:
            made = one.constructor.constructor("return typeof process + typeof require + typeof fetch")()
            if str(made) != "undefined" * 3:
                found.append(str(made))
        except BaseException:
            pass
    ctx.state.set("found", found)
