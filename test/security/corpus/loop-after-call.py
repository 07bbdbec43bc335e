# what: a loop behind a call, which catches everything
# expect: timeout
def tick(ctx):
    ctx.state.set("before", "kept")
    ctx.probe.echo(1)
    while True:
        try:
            ctx.probe.echo(1)
            while True:
                pass
        except BaseException:
            continue
