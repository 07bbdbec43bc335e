# what: files, folders and pipes that are opened and never closed
# expect: ok, error, memory, timeout
# timeoutMs: 4000
def tick(ctx):
    ctx.state.set("before", "kept")
    import os
    kept = []
    try:
        for n in range(100_000):
            kept.append(os.open(f"/tmp/f{n % 100}", os.O_RDWR | os.O_CREAT))
    except OSError:
        pass
    try:
        for n in range(1000):
            kept.append(os.pipe())
    except OSError:
        pass
    for n in range(5000):
        os.makedirs("/tmp/" + "d/" * 20 + f"x{n}", exist_ok=True)
