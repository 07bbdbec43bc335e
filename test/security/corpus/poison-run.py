# what: the functions that the engine calls replaced by ones that answer nonsense
# expect: ok, error, timeout
def tick(ctx):
    ctx.state.set("before", "kept")
    import sys
    turn = 0

    def answer(*args, **kwargs):
        global turn
        turn += 1
        return ["{", "null", "7", '{"error": {"name": 1, "message": [], "stack": {}}}', '{"error": 7}', "x" * 10 ** 6, None][turn % 7]

    module = sys.modules.get("tick_runtime")
    if module is not None:
        for name in list(vars(module)):
            if callable(getattr(module, name)) and name.startswith("_"):
                setattr(module, name, answer)
