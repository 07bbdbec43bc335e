# what: the decimal text of a huge integer
# expect: timeout, memory, error
def tick(ctx):
    ctx.state.set("before", "kept")
    import sys
    sys.set_int_max_str_digits(0)
    while True:
        str(7 ** 3000000)
