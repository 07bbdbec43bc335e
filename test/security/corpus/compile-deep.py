# what: source text that is nested too deeply
# expect: error, memory, timeout, crash, ok
# timeoutMs: 5000
def tick(ctx):
    ctx.state.set("before", "kept")
    for text in ('(' * 10 ** 5, '-' * 10 ** 6 + '1', 'x.' * 10 ** 5 + 'x', '[' * 5000 + ']' * 5000):
        try:
            eval(text)
        except (SyntaxError, MemoryError, RecursionError, NameError):
            pass
