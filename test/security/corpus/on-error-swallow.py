# what: on_error raises, floods the log and never ends
# expect: error
# maxErrors: 2
def tick(ctx):
    ctx.state.set("before", "kept")
    raise ValueError("again")
def on_error(ctx, error):
    while True:
        try:
            print("x" * 100_000)
            raise error
        except BaseException:
            continue
