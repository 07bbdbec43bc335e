# what: every way to end the process
# expect: error, crash, ok, memory, timeout
def tick(ctx):
    ctx.state.set("before", "kept")
    import os
    import signal
    import sys

    ways = [
        lambda: os._exit(1),
        lambda: os.abort(),
        lambda: os.kill(os.getpid(), 9),
        lambda: os.kill(ctx.params['pid'], 9),
        lambda: os.killpg(0, 9),
        lambda: signal.raise_signal(9),
        lambda: sys.exit(1),
        lambda: exit(1),
    ]
    for way in ways:
        try:
            way()
        except BaseException:
            pass
