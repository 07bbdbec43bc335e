# what: marshalled data that is cut, nested and self-referring
# expect: ok, error, memory, crash, timeout
# timeoutMs: 3000
def tick(ctx):
    ctx.state.set("before", "kept")
    import marshal
    whole = marshal.dumps(compile("def f():\n    return [1, 'x', (2, 3)]\nf()", "x", "exec"))
    for at in range(len(whole)):
        for value in (0, 127, 255):
            try:
                made = marshal.loads(whole[:at] + bytes([value]) + whole[at + 1:])
                if at % 7 == 0 and hasattr(made, "co_code"):
                    exec(made, {})
            except Exception:
                pass
    for text in (b"(" + b"\xff\xff\xff\x7f", b"\xdb" * 100_000, b"[\x01\x00\x00\x00" * 100_000, b"<" + b"\xff" * 8):
        try:
            marshal.loads(text)
        except Exception:
            pass
