# what: code objects that index outside of their constants, names and variables
# expect: error, memory, timeout, crash, ok
# timeoutMs: 3000
def tick(ctx):
    ctx.state.set("before", "kept")
    import opcode, types
    def f(a=1):
        b = a
        return b
    code = f.__code__
    for op in range(1, 256):
        body = bytearray(code.co_code)
        for at in range(2, len(body) - 1, 2):
            body[at], body[at + 1] = op, 255
        try:
            types.FunctionType(code.replace(co_code=bytes(body), co_consts=(), co_names=(), co_stacksize=0), {})()
        except Exception:
            pass
