# what: isinstance, type, the classes of exceptions and __build_class__ replaced
# expect: ok, error, timeout, memory, crash
# ticks: 2
def tick(ctx):
    ctx.state.set("before", "kept")
    import builtins
    for name in ("isinstance", "issubclass", "type", "len", "str", "repr", "getattr", "BaseException", "Exception", "RuntimeError", "__build_class__", "__import__", "id", "dict"):
        setattr(builtins, name, lambda *args, **more: None)
