# what: os.abort, which ends the interpreter
# expect: error, crash, ok, memory
def tick(ctx):
    ctx.state.set("before", "kept")
    import os
    os.abort()
