# what: keys and values of own classes of str, dict and list that lie, loop and write
# expect: ok, error, timeout
# timeoutMs: 3000
def tick(ctx):
    ctx.state.set("before", "kept")
    class Text(str):
        def __eq__(self, other):
            ctx.state.set("inside", 1)
            return True
        def __hash__(self):
            return 1
        def encode(self, *args):
            return b'"], ["found", "[1]'
    class Wide(dict):
        def items(self):
            n = 0
            while True:
                n += 1
                yield str(n), self
        def __len__(self):
            return -1
    class Long(list):
        def __iter__(self):
            while True:
                yield self
        def __len__(self):
            return 2 ** 62
    for key, value in ((Text("a"), 1), ("b", Text("v")), ("c", Wide()), ("d", Long())):
        try:
            ctx.state.set(key, value)
        except Exception:
            pass
