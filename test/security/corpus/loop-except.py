# what: a loop that catches BaseException
# expect: timeout
def tick(ctx):
    ctx.state.set("before", "kept")
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue
