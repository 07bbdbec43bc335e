# what: JavaScript objects through gc and frames, and what their constructors can do
# expect: ok, error
def tick(ctx):
    ctx.state.set("before", "kept")
    import gc
    import sys
    found = []
    code = "return [typeof process, typeof require, typeof ivm, typeof SharedArrayBuffer, typeof Atomics].join()"
    proxies = [one for one in gc.get_objects() if type(one).__name__ == "JsProxy" or "Js" in type(one).__name__]
    for module in list(sys.modules.values()):
        try:
            proxies += [one for one in vars(module).values() if "Js" in type(one).__name__ and not isinstance(one, type)]
        except TypeError:
            pass
    frame = sys._getframe()
    while frame is not None:
        proxies += [one for one in (*frame.f_locals.values(), *frame.f_globals.values()) if "Js" in type(one).__name__ and not isinstance(one, type)]
        frame = frame.f_back
    for one in proxies:
        try:
            constructor = one.constructor.constructor
            seen = constructor(code)()
            if "object" in seen or "function" in seen:
                found.append(seen)
            for evil in (
                "const b = new ArrayBuffer(8, {maxByteLength: 2 ** 30}); return b.resizable",
                "return new WebAssembly.Memory({initial: 1}).buffer.byteLength > 0",
                "let real; Object.prototype.get = (t) => { real ??= t; }; try { ArrayBuffer.x } catch {} delete Object.prototype.get; return real !== undefined && new real(8, {maxByteLength: 2 ** 20}).resizable",
            ):
                try:
                    if constructor(evil)() is True:
                        found.append(evil)
                except BaseException:
                    pass
        except BaseException:
            pass
    ctx.state.set("found", found)
