# what: strings that double
# expect: memory, error
def tick(ctx):
    ctx.state.set("before", "kept")
    text = 'x'
    while True:
        text += text
