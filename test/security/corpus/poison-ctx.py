# what: the module behind ctx emptied and replaced
# expect: ok, error, timeout, memory, crash
def tick(ctx):
    ctx.state.set("before", "kept")
    import gc
    import sys
    for name, module in list(sys.modules.items()):
        if "tick_runtime" in name or "guest" in name or "worker" in name:
            for attribute in list(vars(module)):
                if not attribute.startswith("__"):
                    setattr(module, attribute, lambda *args, **kwargs: "nonsense" * 1000)
