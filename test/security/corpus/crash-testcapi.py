# what: modules that exist to break the interpreter
# expect: error, crash, ok, memory
def tick(ctx):
    ctx.state.set("before", "kept")
    for name in ('_testcapi', '_testinternalcapi', '_xxtestfuzz', '_ctypes_test'):
        try:
            module = __import__(name)
        except ImportError:
            continue
        module.crash_no_current_thread()
