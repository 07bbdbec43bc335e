# what: finalizers that never end, on objects that JavaScript's collector frees between two ticks
# expect: ok, timeout
# intervalMs: 10000
# idleCpuMs: 60
# timeoutMs: 4000
async def tick(ctx):
    ctx.state.set("before", "kept")
    import asyncio, gc, sys, time
    late = time.time() + 0.3
    class Evil:
        def __call__(self, *args):
            pass
        def __del__(self):
            while time.time() > late:
                pass
    ways = [asyncio.get_running_loop().call_soon]
    for module in list(sys.modules.values()):
        for name in ("create_proxy", "to_js", "create_once_callable"):
            way = getattr(module, name, None)
            if way is not None and way not in ways:
                ways.append(way)
    ctx.log.info(f"{len(ways)} ways")
    for way in ways:
        for _ in range(300):
            try:
                way(Evil())
            except Exception:
                pass
