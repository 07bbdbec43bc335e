# what: a hundred thousand calls
# expect: error, timeout
# timeoutMs: 8000
def tick(ctx):
    ctx.state.set("before", "kept")
    for i in range(10 ** 5):
        ctx.probe.echo(i)
