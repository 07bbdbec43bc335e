# what: the functions behind ctx called with nonsense
# expect: ok, error, timeout
# timeoutMs: 10000
def tick(ctx):
    ctx.state.set("before", "kept")
    import sys
    bridges = []
    for module in list(sys.modules.values()):
        for value in list(getattr(module, "__dict__", {}).values()):
            if hasattr(value, "_bridge"):
                bridges.append(value._bridge)
        bridge = getattr(module, "__dict__", {}).get("_bridge")
        if bridge is not None:
            bridges.append(bridge)
    odd = ["x" * 100000, "{", "[" * 1000, "\ud800", None, 1e400, '{"a":1}', b"x"]
    for bridge in bridges:
        for name in ("get", "set", "update", "delete", "log", "call", "sleep", "worker", "keys", "all", "flush"):
            for a in odd:
                for b in odd:
                    for args in ((a,), (a, b), ("info", a, b), ("evil", a, b)):
                        try:
                            getattr(bridge, name)(*args)
                        except BaseException:
                            pass
