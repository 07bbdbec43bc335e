# what: keys and values beyond every limit
# expect: error
def tick(ctx):
    ctx.state.set("before", "kept")
    for i in range(10 ** 6):
        ctx.state.set(f'key {i}', 'x' * 10000)
