# what: input that never comes, a lock that is never given, a queue that stays empty
# expect: ok, error, timeout
# timeoutMs: 3000
def tick(ctx):
    ctx.state.set("before", "kept")
    import queue, select, sys, threading
    lock = threading.Lock()
    lock.acquire()
    ways = (lambda: input(), lambda: sys.stdin.read(), lambda: breakpoint(), lambda: select.select([0], [], [], 0.1), lambda: queue.Queue().get(timeout=0.1), lambda: lock.acquire(timeout=0.1), lambda: threading.Event().wait(0.1))
    for way in ways:
        try:
            way()
        except Exception:
            pass
    lock.acquire()
