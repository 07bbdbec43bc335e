def setup(ctx):
    """Called ONCE when the worker starts.
    Use this for initialization: set initial state, log startup message."""
    ctx.state.set("counter", 0)
    ctx.log.info("Worker started")


def tick(ctx):
    """Called every tick_interval seconds.
    This is where your main logic lives."""
    count = ctx.state.get("counter", 0) + 1
    ctx.state.set("counter", count)
    ctx.log.info(f"Tick #{count}")


def on_error(ctx, error):
    """OPTIONAL. Called when tick() raises an exception.
    Use this for error reporting or cleanup."""
    ctx.log.error(f"Error occurred: {error}")
