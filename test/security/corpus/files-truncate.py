# what: a file in memory that is made a tebibyte long at once
# expect: memory
def tick(ctx):
    ctx.state.set("before", "kept")
    with open("a", "wb") as file:
        file.truncate(2**40)
