# what: pickles that call, nest and multiply
# expect: ok, error, memory, timeout, crash
# timeoutMs: 4000
def tick(ctx):
    ctx.state.set("before", "kept")
    import os, pickle
    found = []
    class Run:
        def __init__(self, function, *args):
            self.what = (function, args)
        def __reduce__(self):
            return self.what
    for function, *args in ((os.system, "id"), (os.popen, "id"), (open, ctx.params["canaryFile"]), (os.kill, ctx.params["pid"], 9)):
        try:
            found.append(str(pickle.loads(pickle.dumps(Run(function, *args)))))
        except BaseException:
            pass
    ctx.state.set("found", [one for one in found if one not in ("-1", "None")])
    for data in (b"(" * 10 ** 6 + b".", b"]" + b"(a" * 10 ** 6 + b".", b"\x80\x04\x95" + b"\xff" * 8, b"\x80\x04B" + b"\xff\xff\xff\x7f"):
        try:
            pickle.loads(data)
        except Exception:
            pass
