"""A colon is missing below."""


def tick(ctx)
    ctx.log.info("never reached")
