# what: an exception with a long name, a long module and notes
# expect: error
def tick(ctx):
    ctx.state.set("before", "kept")
    Evil = type('x' * 10 ** 5, (Exception,), {'__module__': 'y' * 10 ** 5})
    error = Evil('text')
    for _ in range(1000):
        error.add_note('n' * 10 ** 4)
    raise error
