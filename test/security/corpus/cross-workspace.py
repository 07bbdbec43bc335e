# what: state and names of workers of other workspaces, files and modules that another worker left
# expect: ok
def tick(ctx):
    ctx.state.set("before", "kept")
    import builtins, os, sys
    found = []
    for key in ("n", "canary/py-1", "../canary/py-1/n", "canary\0py-1"):
        if ctx.state.get(key) is not None:
            found.append(key)
    for folder in ("/tmp", "/home", "/home/pyodide", "."):
        try:
            found += [f"{folder}/{name}" for name in os.listdir(folder) if name.startswith(("left-", "canary", "neighbour"))]
        except OSError:
            pass
    if hasattr(builtins, "left_behind") or "left_behind" in sys.modules:
        found.append("something of an earlier worker")
    builtins.left_behind = sys.modules["left_behind"] = ctx
    with open("/tmp/left-behind", "w") as file:
        file.write("x")
    ctx.state.set("found", found)
