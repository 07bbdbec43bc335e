# what: a module body that takes all memory
# expect: invalid, load, memory, crash
# state: none
kept = []
while True:
    kept.append(bytearray(1024 * 1024))


def tick(ctx):
    pass
