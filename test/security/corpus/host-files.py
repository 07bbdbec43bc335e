# what: files of the host by every way to open one
# expect: ok
def tick(ctx):
    ctx.state.set("before", "kept")
    import io
    import os
    import pathlib
    found = []
    paths = [ctx.params["canaryFile"], "/etc/passwd", "/etc/hostname", "/proc/self/environ", "/proc/self/cmdline", "/proc/1/cmdline", "../../../../../../etc/passwd", "/root", "/var"]
    for path in paths:
        for way in (lambda: open(path).read(), lambda: io.FileIO(path).read(), lambda: pathlib.Path(path).read_bytes(), lambda: os.listdir(path), lambda: os.open(path, os.O_RDONLY)):
            try:
                text = str(way())
            except BaseException:
                continue
            if "secret" in text or "root:" in text or "node" in text:
                found.append(path)
    for name, value in os.environ.items():
        if "secret" in value or name == "TICK_RUNTIME_CANARY":
            found.append(name)
    ctx.state.set("found", found)
