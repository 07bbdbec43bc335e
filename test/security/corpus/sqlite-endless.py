# what: sqlite, where there is one: a query without end, files of the host, a database that grows
# expect: ok, error, memory, timeout, crash
# timeoutMs: 3000
def tick(ctx):
    ctx.state.set("before", "kept")
    try:
        import sqlite3
    except ImportError:
        return
    found = []
    for path in (ctx.params["canaryFile"], "/etc/passwd", "file:/proc/self/environ?mode=ro"):
        try:
            sqlite3.connect(path, uri=path.startswith("file:")).execute("select * from sqlite_master")
            found.append(path)
        except sqlite3.Error:
            pass
    ctx.state.set("found", found)
    sqlite3.connect(":memory:").execute("with recursive n(i, t) as (select 1, zeroblob(100000) union all select i + 1, t || 'x' from n) select count(*) from n").fetchall()
