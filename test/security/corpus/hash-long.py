# what: key derivations and checksums that take for ever in C
# expect: timeout, error, memory
def tick(ctx):
    ctx.state.set("before", "kept")
    import hashlib, zlib
    try:
        hashlib.scrypt(b"x", salt=b"x" * 16, n=2 ** 20, r=8, p=1, maxmem=2 ** 31 - 1)
    except (AttributeError, ValueError, MemoryError):
        pass
    while True:
        try:
            hashlib.pbkdf2_hmac("sha512", b"x", b"x", 10 ** 9)
        except AttributeError:
            zlib.crc32(bytes(10 ** 7))
