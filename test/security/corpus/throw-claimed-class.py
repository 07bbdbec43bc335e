# what: exceptions with the names that the engine itself uses
# expect: error, memory
def tick(ctx):
    ctx.state.set("before", "kept")
    class InterpreterError(Exception):
        code = "FENCED"
        outcome = "cancelled"
    raise InterpreterError("CELL_LOST")
