# what: sys.monitoring callbacks on every instruction, which never end
# expect: timeout, ok, error
def tick(ctx):
    ctx.state.set("before", "kept")
    import sys
    mon = sys.monitoring
    mon.use_tool_id(2, "evil")
    def forever(*args):
        while True:
            pass
    for event in (mon.events.PY_START, mon.events.PY_RETURN, mon.events.INSTRUCTION, mon.events.RAISE):
        mon.register_callback(2, event, forever)
    mon.set_events(2, mon.events.PY_START | mon.events.PY_RETURN | mon.events.RAISE | mon.events.INSTRUCTION)
    ctx.state.set("after", 1)
