# what: recursion after the limit was raised
# expect: error, memory, crash, timeout
# timeoutMs: 5000
def tick(ctx):
    ctx.state.set("before", "kept")
    import sys
    sys.setrecursionlimit(10 ** 9)

    def deeper():
        return deeper() + 1

    deeper()
