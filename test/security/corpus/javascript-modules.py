# what: modules and attributes that lead to JavaScript
# expect: ok
def tick(ctx):
    ctx.state.set("before", "kept")
    import importlib
    import sys
    found = []
    marks = ("process", "require", "module", "Buffer", "fetch", "WebSocket", "Deno")
    for name in ("js", "pyodide_js", "_pyodide_core", "pyodide", "pyodide.code", "pyodide.ffi", "_pyodide", "_pyodide._base", "micropip"):
        try:
            module = importlib.import_module(name)
        except BaseException:
            continue
        for mark in marks:
            if getattr(module, mark, None) is not None:
                found.append(f"{name}.{mark}")
        if hasattr(module, "run_js"):
            try:
                if module.run_js("typeof process + typeof require") != "undefinedundefined":
                    found.append(f"{name}.run_js")
            except BaseException:
                pass
    ctx.state.set("found", found)
