# what: strings that double
# expect: memory, error
# timeoutMs: 5000
def tick(ctx):
    ctx.state.set("before", "kept")
    text = 'x'
    while True:
        text += text
