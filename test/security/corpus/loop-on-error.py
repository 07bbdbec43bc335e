# what: on_error loops after a failed tick
# expect: error
def tick(ctx):
    ctx.state.set("before", "kept")
    raise ValueError('first')


def on_error(ctx, error):
    while True:
        try:
            raise error
        except BaseException:
            continue
