# what: a million printed lines
# expect: ok, timeout
# timeoutMs: 3000
def tick(ctx):
    ctx.state.set("before", "kept")
    for i in range(10 ** 6):
        print('line', i)
