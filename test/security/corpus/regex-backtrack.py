# what: a pattern that backtracks without end
# expect: timeout
def tick(ctx):
    ctx.state.set("before", "kept")
    import re
    re.match(r'^(a+)+$', 'a' * 60 + '!')
