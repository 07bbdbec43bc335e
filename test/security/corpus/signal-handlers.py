# what: signal handlers and timers of the system
# expect: ok, error
def tick(ctx):
    ctx.state.set("before", "kept")
    import signal
    try:
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.alarm(1)
    except BaseException:
        pass
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
    except BaseException:
        pass
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
