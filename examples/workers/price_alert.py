"""Says so when a price crosses one of two lines. Settings (ctx.params): url, symbol, above, below."""


def tick(ctx):
    symbol = ctx.params["symbol"]
    answer = ctx.http.get(ctx.params["url"], params={"symbol": symbol}, timeout=5)
    if "error" in answer:
        # The network is not this worker's fault: try again on the next tick.
        ctx.log.warn(f"no price for {symbol}: {answer['error']}")
        return
    if not answer["ok"]:
        ctx.log.warn(f"no price for {symbol}: status {answer['status']}")
        return

    price = answer["json"]["price"]
    last = ctx.state.get("price", price)
    ctx.state.update(price=price, seen_at=answer["json"]["at"])

    above, below = ctx.params["above"], ctx.params["below"]
    if last < above <= price:
        alert(ctx, f"{symbol} rose above {above}: {price}")
    elif last > below >= price:
        alert(ctx, f"{symbol} fell below {below}: {price}")
    else:
        ctx.log.debug(f"{symbol} {price}")


def alert(ctx, text):
    ctx.state.set("alerts", ctx.state.get("alerts", 0) + 1)
    ctx.log.info(text)
