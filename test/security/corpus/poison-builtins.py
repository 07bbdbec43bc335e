# what: builtins, json and sys.modules replaced
# expect: ok, error, timeout
def tick(ctx):
    ctx.state.set("before", "kept")
    import builtins
    import json
    import sys

    def evil(*args, **kwargs):
        return "{'not': json"

    json.dumps = json.loads = evil
    for name in ("str", "repr", "len", "isinstance", "type", "print", "getattr", "Exception", "dict", "list"):
        setattr(builtins, name, evil)
    for name in list(sys.modules):
        if name not in ("builtins", "sys"):
            sys.modules[name] = None
    ctx.state.set("a", {"b": 1})
    ctx.log.info("still here")
    raise ValueError("described by whom?")
