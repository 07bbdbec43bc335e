# what: raises GeneratorExit
# expect: error
def tick(ctx):
    ctx.state.set("before", "kept")
    raise GeneratorExit()
