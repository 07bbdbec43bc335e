# what: the event loop replaced and stopped
# expect: ok, error, timeout
def tick(ctx):
    ctx.state.set("before", "kept")
    import asyncio
    loop = asyncio.get_event_loop()
    for name in ("call_soon", "call_later", "create_task", "run_until_complete", "stop", "close"):
        try:
            setattr(loop, name, lambda *args, **kwargs: None)
        except BaseException:
            pass
    asyncio.set_event_loop(None)
    ctx.probe.echo(1)
