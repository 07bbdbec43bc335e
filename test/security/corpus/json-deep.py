# what: JSON text of a million brackets
# expect: error, memory, timeout, crash
# timeoutMs: 5000
def tick(ctx):
    ctx.state.set("before", "kept")
    import json
    json.loads('[' * 10 ** 6)
