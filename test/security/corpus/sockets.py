# what: sockets, resolvers and clients of every kind
# expect: ok
def tick(ctx):
    ctx.state.set("before", "kept")
    found = []

    def attempt(name, way):
        try:
            way()
            found.append(name)
        except BaseException:
            pass

    def connect():
        import socket
        made = socket.create_connection(("127.0.0.1", 22), 1)
        made.send(b"x")

    def url():
        import urllib.request
        urllib.request.urlopen("http://127.0.0.1/")

    def http():
        import http.client
        http.client.HTTPConnection("127.0.0.1").request("GET", "/")

    def pyfetch():
        from pyodide.http import open_url
        open_url("http://127.0.0.1/")

    def micropip():
        import micropip
        micropip.install("six")

    def websocket():
        from js import WebSocket
        WebSocket.new("ws://127.0.0.1")

    def fetch():
        from js import fetch
        fetch("http://127.0.0.1")

    for way in (connect, url, http, pyfetch, micropip, websocket, fetch):
        attempt(way.__name__, way)
    ctx.state.set("found", found)
