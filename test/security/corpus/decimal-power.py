# what: decimals, fractions and factorials that take for ever in C
# expect: timeout, memory, error
def tick(ctx):
    ctx.state.set("before", "kept")
    import decimal, math
    decimal.getcontext().prec = 10 ** 6
    while True:
        decimal.Decimal(7) ** decimal.Decimal("0.3333")
        math.factorial(10 ** 6)
