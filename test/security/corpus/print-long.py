# what: one printed line of ten million characters
# expect: ok, error, memory, timeout
def tick(ctx):
    ctx.state.set("before", "kept")
    print('x' * 10 ** 7)
    ctx.log.info('y' * 10 ** 7, z='z' * 10 ** 6)
