"""Follows a cron expression: notes the price of every full minute and keeps the last 60."""

from datetime import datetime, timezone
from statistics import mean

KEPT = 60


def tick(ctx):
    answer = ctx.http.get(ctx.params["url"], params={"symbol": ctx.params["symbol"]})
    if "error" in answer or not answer["ok"]:
        # An error counts: after maxErrors in a row the worker is stopped as failed.
        raise RuntimeError(f"no closing price: {answer.get('error', answer.get('status'))}")

    minute = datetime.fromtimestamp(ctx.worker.due_at, timezone.utc).strftime("%H:%M")
    closes = [*ctx.state.get("closes", []), {"minute": minute, "price": answer["json"]["price"]}][-KEPT:]
    ctx.state.set("closes", closes)
    average = mean(close["price"] for close in closes)
    ctx.log.info(f"{ctx.params['symbol']} closed {minute} at {closes[-1]['price']}, average of {len(closes)}: {average:.2f}")


def on_error(ctx, error):
    ctx.log.error(f"no entry for this minute: {error}")
