# what: small compressed data that becomes gigabytes
# expect: memory, error, timeout, crash
# timeoutMs: 8000
def tick(ctx):
    ctx.state.set("before", "kept")
    import zlib
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(10 ** 7)) for _ in range(60)]
    bomb = b"".join(parts) + packer.flush()
    for name in ("lzma", "bz2", "gzip", "compression.zstd"):
        try:
            __import__(name)
        except ImportError:
            pass
    zlib.decompress(bomb)
