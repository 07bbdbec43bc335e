# what: bytes without end to the descriptors below print
# expect: ok, error, timeout, memory
# timeoutMs: 3000
def tick(ctx):
    ctx.state.set("before", "kept")
    import os, sys
    for fd in (1, 2, 3, 4, 5):
        try:
            for _ in range(300):
                os.write(fd, b"\x1b[2J\xff" + b"x" * 100_000)
        except OSError:
            pass
    for stream in (sys.__stdout__, sys.__stderr__):
        try:
            stream.write("y" * 1_000_000)
        except Exception:
            pass
