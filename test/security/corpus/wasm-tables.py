# what: functions of the interpreter called by address, and its own symbols through ctypes
# expect: ok, error, memory, crash, timeout
# timeoutMs: 3000
def tick(ctx):
    ctx.state.set("before", "kept")
    import ctypes
    api = ctypes.pythonapi
    for name in ("emscripten_run_script", "emscripten_run_script_string", "system", "execve", "fork", "emscripten_async_wget", "emscripten_force_exit"):
        try:
            function = getattr(api, name)
            function.restype = ctypes.c_char_p
            answer = function(b"typeof process + typeof require + typeof fetch")
            if answer and b"undefinedundefinedundefined" != answer:
                ctx.state.set("found", [f"{name}: {answer!r}"])
        except (AttributeError, ValueError, OSError, TypeError):
            pass
    for address in (1, 2, 100, 5000, 10 ** 6):
        ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(address)(1)
