# what: the engine's modules reloaded, removed and imported anew
# expect: ok, error, timeout, memory, crash
# timeoutMs: 4000
# ticks: 2
def tick(ctx):
    ctx.state.set("before", "kept")
    import importlib, sys
    for name in [name for name in sys.modules if name.startswith(("tick_runtime", "pyodide", "_pyodide", "js", "json", "asyncio", "traceback"))]:
        try:
            importlib.reload(sys.modules[name])
        except BaseException:
            pass
        sys.modules.pop(name, None)
    sys.path[:] = []
    sys.meta_path[:] = []
    sys.path_hooks[:] = []
