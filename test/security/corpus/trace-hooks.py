# what: trace and audit hooks that never end
# expect: timeout, ok, error
def tick(ctx):
    ctx.state.set("before", "kept")
    import sys

    def hook(*args):
        while True:
            pass

    sys.settrace(hook)
    sys.setprofile(hook)
    ctx.log.info('x')
