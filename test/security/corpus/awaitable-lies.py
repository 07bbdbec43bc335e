# what: an awaitable that never ends and swallows its cancellation
# expect: timeout
# timeoutMs: 1500
class Forever:
    def __await__(self):
        while True:
            try:
                yield
            except BaseException:
                pass
async def tick(ctx):
    ctx.state.set("before", "kept")
    await Forever()
