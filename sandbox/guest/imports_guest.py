"""What a worker may import, and where its own files are found. Executed in the namespace of ctx_guest.py."""
import builtins as _builtins
import importlib.util as _import_util
import linecache as _linecache
import sys as _sys

# --- What may be imported -------------------------------------------------------------------------------------------

_NO_SOCKETS = "A worker has no sockets; use ctx.http (or an adapter such as ctx.telegram) to reach other systems."
_NO_THREADS = "A worker has one thread; use `async def tick` with asyncio.gather and ctx.aio for calls at the same time."
_NO_PROCESS = "A worker cannot start processes; everything it needs from outside comes through ctx."
_NO_WHEELS = "No wheels are configured for Python workers; the standard library and the worker's own files are available."
_NO_HOST = "It is internal to the sandbox; what a worker may use is on ctx."

_REFUSED = {
    **dict.fromkeys(
        "socket _socket ssl _ssl socketserver select selectors ftplib smtplib imaplib poplib xmlrpc wsgiref webbrowser "
        "http.client http.server http.cookiejar urllib.request urllib.robotparser requests httpx aiohttp urllib3 websockets "
        "websocket telegram telethon aiogram".split(),
        _NO_SOCKETS,
    ),
    **dict.fromkeys("threading _thread concurrent.futures".split(), _NO_THREADS),
    **dict.fromkeys("subprocess _posixsubprocess multiprocessing pty".split(), _NO_PROCESS),
    **dict.fromkeys("js pyodide_js pyodide _pyodide _pyodide_core ctypes _ctypes micropip".split(), _NO_HOST),
    **dict.fromkeys("numpy pandas scipy sklearn matplotlib ta talib pyarrow polars".split(), _NO_WHEELS),
}
#: Refused whoever asks, the standard library too: what leads out of Python, or to its bare memory. Nothing of it that works here needs
#: them. Depth only: the wall is around the interpreter.
_GONE = frozenset(
    "js pyodide_js _pyodide_core micropip ctypes _ctypes _ctypes_test _testcapi _testinternalcapi _testlimitedcapi _testclinic _testbuffer "
    "_testmultiphase _testsinglephase _testimportmultiple _xxtestfuzz".split()
)
_REFUSED_TOPS = frozenset(name.partition(".")[0] for name in _REFUSED)


def _refuse(name):
    return ImportError(f"The module {name!r} cannot be imported here. {_REFUSED.get(name, _NO_HOST)}", name=name)


_real_import = _builtins.__import__


def _import(name, globals=None, locals=None, fromlist=(), level=0):
    """Refuses by name what cannot work, with a sentence that helps. Only for the worker's own files: the standard
    library's modules import each other freely (asyncio imports socket). No line of defence: there is nothing behind them."""
    top = name.partition(".")[0]
    if top in _REFUSED_TOPS and level == 0 and globals is not None and globals.get("__loader__") is _finder:
        if top not in _finder.modules:
            parts = name.split(".")
            for count in range(1, len(parts) + 1):
                if ".".join(parts[:count]) in _REFUSED:
                    raise _refuse(".".join(parts[:count]))
            for item in fromlist or ():
                if f"{name}.{item}" in _REFUSED:
                    raise _refuse(f"{name}.{item}")
    return _real_import(name, globals, locals, fromlist, level)


# --- The worker's files ---------------------------------------------------------------------------------------------

_ALIAS = "__worker__"


class _Finder:
    """Finds the worker's files by module name, from the folder of its entry and from the root. First on `sys.meta_path`."""

    def __init__(self):
        self.files = {}
        self.modules = {}
        self.packages = set()

    def add(self, files, folder):
        self.files = files
        for root in dict.fromkeys([folder, ""]):
            for path in files:
                if not path.endswith(".py") or not path.startswith(root):
                    continue
                parts = path[len(root) : -3].split("/")
                for count in range(1, len(parts)):
                    package = ".".join(parts[:count])
                    self.packages.add(package)
                    self.modules.setdefault(package, None)
                if parts[-1] == "__init__":
                    parts.pop()
                if parts and self.modules.get(".".join(parts)) is None:
                    self.modules[".".join(parts)] = path
        for path, text in files.items():
            _linecache.cache[path] = (len(text), None, text.splitlines(True), path)

    def find_spec(self, name, path=None, target=None):
        if name == _ALIAS or name.startswith(_ALIAS + "."):
            return _import_util.spec_from_loader(name, _Alias(name), is_package=name == _ALIAS)
        if name in self.modules:
            source = self.modules[name]
            return _import_util.spec_from_loader(name, self, origin=source, is_package=name in self.packages)
        if name.partition(".")[0] in _GONE:
            raise _refuse(name)
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        path = self.modules[module.__spec__.name]
        if path is not None:
            module.__file__ = path
            self.execute(module, path)

    def execute(self, module, path):
        exec(compile(self.files[path], path, "exec", dont_inherit=True), module.__dict__)

    def get_source(self, name):
        return self.files.get(self.modules.get(name) or "")


class _Alias:
    """`from . import helpers` in an entry that lies in no package: the same module as `import helpers`."""

    def __init__(self, name):
        self.target = name[len(_ALIAS) + 1 :]

    def create_module(self, spec):
        if self.target == "":
            return None
        module = _real_import(self.target, fromlist=("x",))
        self.spec = module.__spec__
        return module

    def exec_module(self, module):
        if self.target != "":
            module.__spec__ = self.spec


class _Missing:
    """Last on `sys.meta_path`: says why an import that nobody found cannot be."""

    def find_spec(self, name, path=None, target=None):
        if name in _REFUSED:
            raise _refuse(name)
        if "." not in name and name not in _sys.stdlib_module_names:
            raise ModuleNotFoundError(
                f"No module named {name!r}. A worker can import the standard library and its own files.", name=name
            )
        return None


_finder = _Finder()


def _tzif(zone):
    """A time zone as a file of the tz database (RFC 9636), which is what zoneinfo reads."""
    import struct

    names = "".join(dict.fromkeys(name + "\0" for _, _, name in zone["kinds"]))
    counts = (0, 0, 0, len(zone["at"]), len(zone["kinds"]), len(names))
    parts = [
        struct.pack(">4s1s15x6l", b"TZif", b"2", 0, 0, 0, 0, 0, 0),
        struct.pack(">4s1s15x6l", b"TZif", b"2", *counts),
        struct.pack(f">{len(zone['at'])}q", *zone["at"]),
        bytes(zone["of"]),
        *(struct.pack(">lBB", offset, dst, names.index(name + "\0")) for offset, dst, name in zone["kinds"]),
        names.encode(),
        b"\n\n",
    ]
    return b"".join(parts)


def _use_time_zones():
    """zoneinfo looks for its data in a package that is not here; what JavaScript knows about time zones stands in for it."""
    import io
    import zoneinfo
    from zoneinfo import _common

    def load_tzdata(key):
        text = _bridge.zone(key)
        if text == "":
            raise zoneinfo.ZoneInfoNotFoundError(
                f"No time zone found with key {key!r}. Write one such as 'Europe/Berlin' or 'UTC'; "
                "zoneinfo.available_timezones() has all."
            )
        return io.BytesIO(_tzif(_json.loads(text)))

    def available_timezones():
        return {"UTC", *_json.loads(_bridge.zones())}

    _common.load_tzdata = load_tzdata
    zoneinfo.available_timezones = available_timezones
