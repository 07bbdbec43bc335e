# what: a file in memory that grows without end
# expect: memory
def tick(ctx):
    ctx.state.set("before", "kept")
    with open("a", "wb") as file:
        while True:
            file.write(b"x" * 1_000_000)
