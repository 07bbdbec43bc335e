# what: a module body that exits
# expect: invalid, load
# state: none
import sys
sys.exit(0)


def tick(ctx):
    pass
