# what: control characters, half surrogates and NUL in the log
# expect: ok, error
def tick(ctx):
    ctx.state.set("before", "kept")
    print('\x1b[2J\r\n\0\ud800')
    ctx.log.info('\x1b[2J\r\0\udfff', a='\0', b='\ud800')
