# what: a sleep that is longer than its time
# expect: timeout
def tick(ctx):
    ctx.state.set("before", "kept")
    import time
    while True:
        try:
            time.sleep(3600)
        except BaseException:
            pass
