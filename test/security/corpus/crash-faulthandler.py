# what: crashes on purpose through faulthandler
# expect: error, crash, ok, memory
def tick(ctx):
    ctx.state.set("before", "kept")
    import faulthandler
    for name in ('_sigsegv', '_sigabrt', '_sigfpe', '_stack_overflow', '_read_null', '_fatal_error_c_thread'):
        way = getattr(faulthandler, name, None)
        if way is not None:
            way()
