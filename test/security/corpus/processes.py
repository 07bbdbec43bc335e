# what: processes and threads
# expect: ok
def tick(ctx):
    ctx.state.set("before", "kept")
    found = []

    def attempt(name, way):
        try:
            way()
            found.append(name)
        except BaseException:
            pass

    def run():
        import subprocess
        subprocess.run(["/bin/sh", "-c", "id"], check=True)

    def system():
        import os
        if os.system("id") != 0:
            raise OSError

    def popen():
        import os
        if os.popen("id").read() == "":
            raise OSError

    def fork():
        import os
        os.fork()

    def spawn():
        import os
        os.posix_spawn("/bin/sh", ["sh"], {})

    def thread():
        import threading
        one = threading.Thread(target=lambda: None)
        one.start()
        one.join()

    def pool():
        from concurrent.futures import ThreadPoolExecutor
        ThreadPoolExecutor(1).submit(lambda: 1).result()

    def multi():
        import multiprocessing
        multiprocessing.Process(target=print).start()

    for way in (run, system, popen, fork, spawn, thread, pool, multi):
        attempt(way.__name__, way)
    ctx.state.set("found", found)
