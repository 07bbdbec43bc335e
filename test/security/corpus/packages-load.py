# what: packages from the network by every loader there is
# expect: ok
async def tick(ctx):
    ctx.state.set("before", "kept")
    found = []
    async def way(name, make):
        try:
            made = make()
            if hasattr(made, "__await__"):
                await made
            found.append(name)
        except BaseException as error:
            if type(error).__name__ == "TickTimeoutError":
                raise
    def micropip():
        import micropip
        return micropip.install("six")
    def pyfetch():
        from pyodide.http import pyfetch
        return pyfetch("http://127.0.0.1/")
    def open_url():
        from pyodide.http import open_url
        return open_url("http://127.0.0.1/")
    def load_package():
        import pyodide_js
        return pyodide_js.loadPackage("numpy")
    def fetch():
        import js
        return js.fetch("http://127.0.0.1/")
    def run_js():
        from pyodide.code import run_js
        return run_js("fetch('http://127.0.0.1/')")
    def urllib():
        import urllib.request
        return urllib.request.urlopen("http://127.0.0.1/", timeout=1)
    for make in (micropip, pyfetch, open_url, load_package, fetch, run_js, urllib):
        await way(make.__name__, make)
    ctx.state.set("found", found)
