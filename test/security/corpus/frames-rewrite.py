# what: the frames of the engine's own functions walked from inside, their variables rewritten
# expect: ok, error, timeout, memory, crash
# timeoutMs: 4000
def tick(ctx):
    ctx.state.set("before", "kept")
    import sys
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code is not tick.__code__:
            for space in (frame.f_locals, frame.f_globals):
                for name in list(space):
                    if name.startswith("__"):
                        continue
                    try:
                        space[name] = None
                    except Exception:
                        pass
        frame = frame.f_back
