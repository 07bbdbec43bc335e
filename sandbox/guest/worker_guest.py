"""Loads a worker, runs its functions, and describes what they raise. Executed in the namespace of ctx_guest.py, after
imports_guest.py.
"""
import ast as _ast
import asyncio as _asyncio
import inspect as _inspect
import io as _io
import random as _random
import time as _time
import traceback as _traceback
import types as _types
from pyodide.webloop import WebLoop as _WebLoop

# --- Errors as data -------------------------------------------------------------------------------------------------

_MESSAGE_CHARS = 4096
_STACK_CHARS = 16384


def _cut(text, most):
    if len(text) <= most:
        return text
    return text[: most // 2] + "\n…\n" + text[3 - most // 2 :]


def _prune(report, seen):
    """Keeps the frames of the worker's own files."""
    if report is None or id(report) in seen:
        return
    seen.add(id(report))
    frames = [frame for frame in report.stack or () if frame.filename in _finder.files]
    report.stack = _traceback.StackSummary.from_list(frames) if frames else None
    for other in (report.__cause__, report.__context__, *(report.exceptions or ())):
        _prune(other, seen)


def _describe(error):
    """Never raises; a `__str__` that does not end is the time limit's matter."""
    name = str(type.__getattribute__(type(error), "__name__"))[:128]
    try:
        message = str(error)
    except BaseException:
        message = f"(a {name} that cannot be described)"
    try:
        report = _traceback.TracebackException.from_exception(error, compact=True, limit=-100)
        _prune(report, set())
        stack = "".join(report.format())
        last = "".join(report.format_exception_only())
        if len(last) > _MESSAGE_CHARS and stack.endswith(last):
            # The message was cut: here it is cut in the same way, or it would be told twice.
            stack = f"{stack[:-len(last)]}{name}: {_cut(message, _MESSAGE_CHARS)}\n"
        if isinstance(error, SyntaxError) and error.filename in _finder.files and error.offset:
            line = f'File "{error.filename}", line {error.lineno}'
            stack = stack.replace(line, f"{line}, column {error.offset}", 1)
    except BaseException:
        stack = f"{name}: {message[:_MESSAGE_CHARS]}\n"
    return {"name": name, "message": _cut(message, _MESSAGE_CHARS), "stack": _cut(stack.rstrip("\n"), _STACK_CHARS)}


class WorkerError(Exception):
    """An error of an earlier sandbox, rebuilt from its description; `name` and `stack` are the original's."""


def _rebuild(data):
    cls = _ERRORS.get(data["name"]) or getattr(_builtins, data["name"], None)
    if not (isinstance(cls, type) and issubclass(cls, Exception)):
        cls = WorkerError
    try:
        error = cls(data["message"])
    except Exception:
        error = WorkerError(data["message"])
    error.name, error.stack = data["name"], data["stack"]
    return error


# --- print ----------------------------------------------------------------------------------------------------------


class _LogStream(_io.TextIOBase):
    """`print` and stderr: whole lines go to the worker's log."""

    encoding = "utf-8"
    _BUFFER_CHARS = 8192

    def __init__(self, level):
        self._level = level
        self._parts = []
        self._size = 0

    def writable(self):
        return True

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        head, newline, rest = text.rpartition("\n")
        if newline:
            for line in ("".join(self._parts) + head).split("\n"):
                _bridge.log(self._level, line, "")
            self._parts, self._size = [], 0
        if rest:
            self._parts.append(rest)
            self._size += len(rest)
            if self._size > self._BUFFER_CHARS:
                self.end_line()
        return len(text)

    def end_line(self):
        if self._parts:
            _bridge.log(self._level, "".join(self._parts), "")
            self._parts, self._size = [], 0


_stdout = _LogStream("info")
_stderr = _LogStream("warn")

# --- Runs -----------------------------------------------------------------------------------------------------------

_FUNCTIONS = ("setup", "tick", "resume", "on_error")
_functions = {}
_ctx = None
_last_error = None
_seeded = False
_tasks = set()
_real_create_task = _WebLoop.create_task


def _create_task(self, coro, **options):
    task = _real_create_task(self, coro, **options)
    _tasks.add(task)
    return task


def _end_progress(self, future=None):
    """Pyodide's own looks at the exception here, after which nobody can tell that no one else did."""
    self._in_progress -= 1


def _print_nothing(kind, error, trace):
    """Pyodide prints every exception that leaves a task, to have its text for JavaScript. There nobody reads it, and who waits
    for the task gets the exception itself."""


def _sleep(seconds, /):
    """time.sleep: the worker waits, its thread does not."""
    if not seconds >= 0:
        raise ValueError("sleep length must be non-negative")
    _wait(_bridge.sleep(seconds * 1000))


def _fresh_randomness():
    """A snapshot is shared by many: whoever boots from it draws his own."""
    _random.seed()


def _asyncio_run(main, *, debug=None, loop_factory=None):
    """asyncio.run: there is one event loop, and a plain function may wait on it."""
    if not _inspect.iscoroutine(main):
        raise TypeError(f"A coroutine is required, not {_type_name(main)}")
    return _run_sync(main)


#: Imported into the snapshot: loading a worker that uses them takes 5 ms instead of 90, for 2 MiB of memory.
_PRELOADED = (
    "base64 collections copy csv dataclasses datetime decimal enum functools hashlib hmac html itertools logging math "
    "secrets statistics string struct textwrap typing urllib.parse uuid zlib"
)


#: What makes JavaScript objects of Python's, or runs JavaScript.
_MAKES_JAVASCRIPT = frozenset("to_js create_proxy create_once_callable destroy_proxies run_js register_js_module jsproxy_typedict".split())


def _hide_javascript():
    """Takes away what leads to JavaScript objects, as far as nothing needs it. Depth only: what they could do is closed on
    their side (wasm.guest.ts). Not before the snapshot, which must name every JavaScript object."""
    from _pyodide._importhook import JsProxy, jsfinder

    jsfinder.jsproxies.clear()
    for name, module in list(_sys.modules.items()):
        if isinstance(module, JsProxy):
            del _sys.modules[name]
        elif name.partition(".")[0] in ("pyodide", "_pyodide", "_pyodide_core"):
            for attribute, value in list(vars(module).items()):
                # The event loop cannot do without its two.
                if name != "pyodide.webloop" and (isinstance(value, JsProxy) or attribute in _MAKES_JAVASCRIPT):
                    delattr(module, attribute)
    _sys.modules.pop("_pyodide_core", None)


def _before_snapshot():
    for name in _PRELOADED.split():
        _real_import(name)
    _sys.stdout, _sys.stderr = _stdout, _stderr
    _sys.stdin = _io.StringIO()
    _builtins.__import__ = _import
    _sys.meta_path.insert(0, _finder)
    _sys.meta_path[:] = [finder for finder in _sys.meta_path if type(finder).__name__ != "JsFinder"] + [_Missing()]
    _time.sleep = _sleep
    _asyncio.run = _asyncio_run
    _WebLoop.create_task = _create_task
    _WebLoop._decrement_in_progress = _end_progress
    _WebLoop.run_until_complete = lambda self, future: _run_sync(future)
    _asyncio.get_event_loop().set_exception_handler(lambda loop, context: None)
    _use_time_zones()
    import gc

    gc.collect()
    gc.freeze()


_BRIDGE = ("get", "set", "update", "delete", "keys", "all", "flush", "log", "call", "sleep", "worker", "unresolved", "zone", "zones")


def _connect(bridge, spec_json):
    global _bridge, _ctx, _depth_max
    if _builtins.__import__ is not _import:
        _before_snapshot()
    spec = _json.loads(spec_json)
    _hide_javascript()
    # Not before the snapshot: the boot sets its own after it.
    _sys.excepthook = _print_nothing
    # Looked up once: each look-up would make an object on either side.
    _bridge = _types.SimpleNamespace(**{name: getattr(bridge, name) for name in _BRIDGE})
    _depth_max = spec["depth"]
    _ctx = _build_context(spec)
    _fresh_randomness()


def _binds_globals(tree):
    """True when `setup` assigns a name that it declares `global`, or an attribute or item of a module global."""
    for function in tree.body:
        if isinstance(function, (_ast.FunctionDef, _ast.AsyncFunctionDef)) and function.name == "setup":
            break
    else:
        return False
    arguments = function.args
    own = {argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    declared = set()
    stored = set()
    bases = set()
    for node in _ast.walk(function):
        if isinstance(node, _ast.Global):
            declared.update(node.names)
        elif isinstance(node, _ast.Name) and not isinstance(node.ctx, _ast.Load):
            stored.add(node.id)
        elif isinstance(node, (_ast.Attribute, _ast.Subscript)) and not isinstance(node.ctx, _ast.Load):
            base = node
            while isinstance(base, (_ast.Attribute, _ast.Subscript)):
                base = base.value
            if isinstance(base, _ast.Name):
                bases.add(base.id)
    local = (own | stored) - declared
    return bool(declared & stored) or bool(bases - local)


def _check_parameters(name, function, entry):
    """Refuses a plain function that cannot take what it will be called with; of anything else nobody can be sure."""
    if type(function) is not _types.FunctionType:
        return
    wanted = ("ctx", "error") if name == "on_error" else ("ctx",)
    code = function.__code__
    most = code.co_argcount
    least = most - len(function.__defaults__ or ())
    named = code.co_varnames[most : most + code.co_kwonlyargcount]
    fits = least <= len(wanted) and (len(wanted) <= most or code.co_flags & _inspect.CO_VARARGS)
    if fits and all(key in (function.__kwdefaults__ or ()) for key in named):
        return
    own = code.co_filename in _finder.files
    place = (code.co_filename, code.co_firstlineno, 0, None) if own else (entry, 1, 0, None)
    raise SyntaxError(f"{name} is called with {' and '.join(wanted)}: write def {name}({', '.join(wanted)})", place)


def _load(files_json, entry):
    try:
        files = _json.loads(files_json)
        source = files[entry]
        folder, _, base = entry.rpartition("/")
        folder = folder + "/" if folder else ""
        _finder.add(files, folder)
        for name, path in _finder.modules.items():
            if path not in (None, entry) and name in _sys.stdlib_module_names:
                raise ImportError(f"{path} hides the standard library's module {name!r}; rename the file.", path=path)
        if "ctx" not in _finder.modules:
            _sys.modules["ctx"] = _sys.modules["tick_runtime"]
        stem = base.removesuffix(".py")
        package = folder[:-1].replace("/", ".") if folder + "__init__.py" in files else _ALIAS
        name = f"{package}.{stem}" if package != _ALIAS else stem if stem not in _sys.modules else f"worker_{stem}"
        module = _types.ModuleType(name)
        module.__file__, module.__loader__, module.__package__ = entry, _finder, package
        for data in files:
            if not data.endswith(".py"):
                _write_file(data, files[data])
        if package != _ALIAS:
            _real_import(package)
        _sys.modules[name] = module
        tree = compile(source, entry, "exec", _ast.PyCF_ONLY_AST, dont_inherit=True)
        binds = _binds_globals(tree)
        _finder.execute(module, entry)
        for function in _FUNCTIONS:
            value = getattr(module, function, None)
            if callable(value):
                _check_parameters(function, value, entry)
                _functions[function] = value
        if "tick" not in _functions:
            raise SyntaxError("the worker defines no function tick(ctx)", (entry, 1, 0, None))
        return _json.dumps(
            {"ok": {"functions": list(_functions), "setupBindsGlobals": binds, "durationMs": 0}}
        )
    except BaseException as error:
        return _failed(error)
    finally:
        _end_lines()


def _write_file(path, text):
    import os

    folder = os.path.dirname(path)
    if folder:
        os.makedirs(folder, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _failed(error):
    global _last_error
    described = _describe(error)
    _last_error = (described["name"], error)
    return _json.dumps({"error": described})


def _end_lines():
    _stdout.end_line()
    _stderr.end_line()


def _call(name, error_json):
    global _last_error
    function = _functions[name]
    if name != "on_error":
        _last_error = None
        return function(_ctx)
    data = _json.loads(error_json) if error_json else {"name": "Exception", "message": "", "stack": ""}
    if _last_error is not None and _last_error[0] == data["name"]:
        return function(_ctx, _last_error[1])
    return function(_ctx, _rebuild(data))


def _finish_tasks():
    """Cancels what the run left behind; returns what a task raised that nobody asked."""
    while left := [task for task in _tasks if not task.done()]:
        for task in left:
            task.cancel()
        _run_sync(_asyncio.wait(left))
    forgotten = None
    for task in _tasks:
        if not task.cancelled() and task._log_traceback:
            forgotten = forgotten or task.exception()
    _tasks.clear()
    return forgotten


def _run(name="tick", error_json="", seed=None):
    """Returns None when all went well. What most runs do not need costs them nothing: between two ticks a worker's memory
    leaves the processor's caches, and every piece of code that is touched has to come back.
    """
    global _seeded
    try:
        if seed is not None or _seeded:
            _random.seed(seed)
            _seeded = seed is not None
        try:
            result = _call(name, error_json)
            if result is None:
                pass
            elif _inspect.iscoroutine(result) or isinstance(result, _asyncio.Future):
                _run_sync(result)
            elif _inspect.isgenerator(result) or _inspect.isasyncgen(result):
                raise TypeError(f"{name} must not `yield`; write `def {name}` or `async def {name}` without it")
        finally:
            forgotten = _finish_tasks() if _tasks else None
        if forgotten is not None:
            raise forgotten
        return None
    except BaseException as error:
        return _failed(error)
    finally:
        if _stdout._parts or _stderr._parts:
            _end_lines()
