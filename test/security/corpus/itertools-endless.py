# what: loops in C that never come back to the interpreter
# expect: timeout
def tick(ctx):
    ctx.state.set("before", "kept")
    import collections, itertools
    collections.deque(itertools.repeat(1), maxlen=0)
