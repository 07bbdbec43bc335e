# what: file after file in memory
# expect: memory
def tick(ctx):
    ctx.state.set("before", "kept")
    n = 0
    while True:
        n += 1
        with open(f"f{n}", "wb") as file:
            file.write(b"x" * 100_000)
