# what: calls with large arguments, all at once
# expect: ok, error, memory, timeout
# timeoutMs: 8000
# memoryMiB: 256
async def tick(ctx):
    ctx.state.set("before", "kept")
    import asyncio
    value = 'x' * 4000000
    await asyncio.gather(*(ctx.aio.probe.echo(value) for _ in range(32)), return_exceptions=True)
