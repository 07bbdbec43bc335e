"""Fails on every tick, the way programs fail: with something that was not there."""


def tick(ctx):
    prices = {"ETH": 10}
    ctx.log.info(f"BTC costs {prices['BTC']}")


def on_error(ctx, error):
    ctx.log.warn(f"on_error was told: {error!r}")
