"""The Python half of a sandbox: the errors that workers import, and `ctx`. Runs as the module `tick_runtime`, together
with worker_guest.py (one namespace). Between it and python.guest.ts only text crosses: state values are JSON text, a failed
call answers with "!" and the error as JSON. Nothing here may hold a JavaScript object before `_connect`: a memory
snapshot is taken of what this file leaves behind.
"""
import json as _json
import re as _re
from pyodide.ffi import run_sync as _run_sync

__all__ = ["CallError", "Ctx", "NotConnectedError", "Result", "StateError", "TickTimeoutError", "WorkerError"]


class TickTimeoutError(TimeoutError):
    """The time of this setup, tick, resume or on_error is over."""

    code = "TICK_TIMEOUT"


class StateError(ValueError):
    """A value that state cannot hold: not JSON, too large, nested too deep."""

    code = "STATE_INVALID"


class CallError(RuntimeError):
    """A call of a ctx function that was refused or went wrong; `code` says why."""

    code = "CALL_FAILED"


class NotConnectedError(RuntimeError):
    """An adapter that this worker is not connected to; the text says how to connect it."""

    code = "NOT_CONNECTED"


_ERRORS = {
    "TickTimeoutError": TickTimeoutError,
    "StateError": StateError,
    "CallError": CallError,
    "NotConnectedError": NotConnectedError,
}

_bridge = None
_depth_max = 64


def _error(data):
    made = _ERRORS.get(data.get("name"), CallError)(data.get("message", ""))
    if data.get("code"):
        made.code = data["code"]
    return made


def _open(answer):
    """None is the answer of what went well and says nothing."""
    if answer is not None and answer[:1] == "!":
        raise _error(_json.loads(answer[1:]))
    return answer


def _wait(promise):
    return _open(_run_sync(promise))


# --- JSON -----------------------------------------------------------------------------------------------------------

_SURROGATE = _re.compile("[\ud800-\udfff]")
_INFINITY = float("inf")


def _type_name(value):
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _check(value, where, depth):
    """Raises for what JSON would change or cannot carry. `where` starts the message."""
    cls = type(value)
    if cls is str or cls is int or cls is bool or value is None:
        return
    if isinstance(value, float):
        if value != value or value in (_INFINITY, -_INFINITY):
            raise StateError(f"{where} is {value!r}, which JSON cannot carry. Convert it first.")
    elif isinstance(value, (dict, list, tuple)):
        if depth <= 0:
            raise StateError(f"{where} is nested too deep (or contains itself).")
        if isinstance(value, dict):
            for key, item in value.items():
                if not isinstance(key, str):
                    raise StateError(f"{where} has the key {key!r} ({_type_name(key)}); keys are str.")
                _check(item, f"{where}[{key!r}]" if type(item) not in _SCALARS else where, depth - 1)
        else:
            for index, item in enumerate(value):
                _check(item, f"{where}[{index}]" if type(item) not in _SCALARS else where, depth - 1)
    elif not isinstance(value, (str, int)):
        hint = _HINTS.get(cls.__name__, "Convert it first.")
        raise StateError(f"{where} is a {_type_name(value)}, which JSON cannot carry. {hint}")


_SCALARS = frozenset((str, int, bool, type(None)))
_HINTS = {
    "datetime": "Store value.isoformat().",
    "date": "Store value.isoformat().",
    "set": "Store sorted(value).",
    "frozenset": "Store sorted(value).",
    "bytes": "Store it as text (base64 or hex).",
    "bytearray": "Store it as text (base64 or hex).",
    "Decimal": "Store str(value).",
    "coroutine": "Is an `await` missing?",
}


def _encode(value, where, depth=None):
    _check(value, where, _depth_max if depth is None else depth)
    try:
        text = _json.dumps(value, ensure_ascii=False, check_circular=False, separators=(",", ":"))
        if not text.isascii() and _SURROGATE.search(text):
            text = _json.dumps(value, check_circular=False, separators=(",", ":"))
    except (ValueError, RecursionError) as error:
        raise StateError(f"{where} cannot be stored as JSON: {error}") from None
    return text


class _Awaitable:
    """Lets `await ctx.http.get(…)` work inside `async def`, where the call has waited already."""

    __slots__ = ()

    def __await__(self):
        return self
        yield


class Result(_Awaitable, dict):
    """The answer of a call: a dict."""

    __slots__ = ()


class _ResultList(_Awaitable, list):
    __slots__ = ()


class _ResultText(_Awaitable, str):
    __slots__ = ()


_RESULTS = {dict: Result, list: _ResultList, str: _ResultText}


def _decode_result(text):
    value = _json.loads(text)
    cls = _RESULTS.get(type(value))
    return value if cls is None else cls(value)


# --- ctx ------------------------------------------------------------------------------------------------------------


def _check_key(key):
    if type(key) is str:
        return key
    if not isinstance(key, str):
        raise StateError(f"A state key is a str, not {_type_name(key)}.")
    return str.__str__(key)


#: Small values that state holds: to read one again crosses nothing and parses nothing. Only what nobody can change, what JSON
#: gives back as it was, and keys that are the same text on the other side (surrogates are not).
_known = {}
_KNOWN_CHARS = 256
_UNKNOWN = object()
_PLAIN_INT = 10**18


def _remember(key, value, text):
    cls = type(value)
    fixed = value.isascii() if cls is str else cls in _SCALARS or cls is float
    if fixed and len(text) <= _KNOWN_CHARS and key.isascii():
        _known[key] = value
    else:
        _known.pop(key, None)


class _State:
    __slots__ = ()

    def get(self, key, default=None):
        if type(key) is not str:
            key = _check_key(key)
        value = _known.get(key, _UNKNOWN)
        if value is not _UNKNOWN:
            return value
        text = _open(_bridge.get(key))
        if text == "":
            return default
        value = _json.loads(text)
        _remember(key, value, text)
        return value

    def set(self, key, value):
        if type(key) is not str:
            key = _check_key(key)
        if type(value) is int and -_PLAIN_INT < value < _PLAIN_INT:
            text = int.__repr__(value)
        else:
            text = _encode(value, f"ctx.state.set({key!r}): the value")
        answer = _bridge.set(key, text)
        if answer is not None:
            _open(answer)
        _remember(key, value, text)

    def update(self, values=None, /, **more):
        entries = {**(values or {}), **more}
        pairs = [[_check_key(key), _encode(value, f"ctx.state.update: {key!r}")] for key, value in entries.items()]
        _open(_bridge.update(_json.dumps(pairs)))
        for key, _ in pairs:
            _known.pop(key, None)

    def delete(self, key):
        key = _check_key(key)
        _known.pop(key, None)
        return _open(_bridge.delete(key)) == "true"

    def keys(self):
        return _json.loads(_bridge.keys())

    def get_all(self):
        return _json.loads(_bridge.all())

    def flush(self):
        _wait(_bridge.flush())


def _show(value):
    try:
        return str(value)
    except Exception:
        return f"<{_type_name(value)}>"


def _plain(value, depth):
    """Anything as JSON: a log line is never a reason for an error."""
    if value is None or type(value) in (str, int, bool):
        return value
    if depth > 0 and isinstance(value, dict):
        return {_show(key): _plain(item, depth - 1) for key, item in value.items()}
    if depth > 0 and isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth - 1) for item in value]
    if isinstance(value, float) and value - value == 0:
        return value
    return _show(value)


class _Log:
    __slots__ = ()

    def _write(self, level, message, args, fields):
        if args:
            fields = {**args[0], **fields} if isinstance(args[0], dict) else {"value": args[0], **fields}
        _bridge.log(level, _show(message), _json.dumps(_plain(fields, 8)) if fields else "")

    def debug(self, message, /, *args, **fields):
        self._write("debug", message, args, fields)

    def info(self, message, /, *args, **fields):
        self._write("info", message, args, fields)

    def warn(self, message, /, *args, **fields):
        self._write("warn", message, args, fields)

    warning = warn

    def error(self, message, /, *args, **fields):
        self._write("error", message, args, fields)

    def flush(self):
        """Lines leave by themselves; this exists because workers of other engines call it."""


def _camel(name):
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def _snake(name):
    return _re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match.group(1).lower(), name)


class _Capability:
    """`ctx.<adapter>.<method>`: positional and named arguments become one object with camelCase keys. None means absent."""

    def __init__(self, info):
        self._capability = f"{info['adapter']}.{info['method']}"
        self._parameters = info["parameters"]
        self.__name__ = _snake(info["method"])

    def _arguments(self, args, named):
        if len(args) > len(self._parameters):
            names = ", ".join(_snake(name) for name in self._parameters)
            raise TypeError(f"{self!r} takes at most {len(self._parameters)} positional arguments ({names})")
        given = dict(zip(self._parameters, args))
        for name, value in named.items():
            key = _camel(name)
            if key == "timeout" and "timeout" not in self._parameters:
                key, value = "timeoutMs", None if value is None else value * 1000
            if key in given:
                raise TypeError(f"{self!r} got multiple values for argument {name!r}")
            given[key] = value
        if "timeoutMs" in self._parameters and isinstance(given.get("timeoutMs"), float):
            given["timeoutMs"] = round(given["timeoutMs"])
        for key, value in given.items():
            if isinstance(value, (bytes, bytearray)):
                import base64

                given[key] = {"base64": base64.b64encode(value).decode()}
        given = {key: value for key, value in given.items() if value is not None}
        try:
            return _encode(given, f"{self!r}: the arguments", 64)
        except StateError as error:
            raise TypeError(str(error)) from None

    def __call__(self, *args, **named):
        return _decode_result(_wait(_bridge.call(self._capability, self._arguments(args, named))))

    def __repr__(self):
        adapter = self._capability.partition(".")[0]
        return f"ctx.{adapter}.{self.__name__}"


class _AsyncCapability(_Capability):
    """`ctx.aio.<adapter>.<method>`: the same, as a coroutine, so that several can run at once."""

    async def __call__(self, *args, **named):
        return _decode_result(_open(await _bridge.call(self._capability, self._arguments(args, named))))


class _AsyncState:
    async def flush(self):
        _open(await _bridge.flush())


class _Namespace:
    def __init__(self, name, entries):
        self.__dict__.update(entries)
        object.__setattr__(self, "_name", name)

    def __getattr__(self, name):
        known = ", ".join(sorted(key for key in self.__dict__ if key[:1] != "_"))
        raise AttributeError(f"{self._name} has no {name!r}; it has {known}")

    def __setattr__(self, name, value):
        raise AttributeError(f"{self._name} cannot be changed")

    def __repr__(self):
        return f"<{self._name}>"


class _NotConnected:
    def __init__(self, name, sentence):
        object.__setattr__(self, "_sentence", sentence)
        object.__setattr__(self, "_name", name)

    def __getattr__(self, name):
        if name[:2] == "__":
            raise AttributeError(name)
        raise NotConnectedError(self._sentence)

    def __call__(self, *args, **named):
        raise NotConnectedError(self._sentence)

    def __bool__(self):
        return False

    def __repr__(self):
        return f"<ctx.{self._name}, not connected>"


class Worker:
    """What `ctx.worker` shows at this moment. Times are Unix seconds, durations seconds."""

    __slots__ = ("due_at", "interval", "last_tick_at", "name", "started_by", "tick", "time_left", "version")

    def __init__(self, view):
        self.name = view["name"]
        self.version = view["version"]
        self.tick = view["tick"]
        self.interval = _seconds(view["intervalMs"])
        self.due_at = _seconds(view["dueAt"])
        self.last_tick_at = _seconds(view["lastTickAt"])
        self.started_by = view["startedBy"]
        self.time_left = _seconds(view["timeLeftMs"])

    def __repr__(self):
        return "Worker(" + ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__) + ")"


def _seconds(ms):
    return None if ms is None else ms / 1000


class Ctx(_Namespace):
    """The `ctx` of every function of a worker."""

    @property
    def worker(self):
        return Worker(_json.loads(_bridge.worker()))


def _build_context(spec):
    def adapters(cls):
        found = {}
        for info in spec["capabilities"]:
            found.setdefault(info["adapter"], {})[_snake(info["method"])] = cls(info)
        return found

    entries = {
        _snake(name): _Namespace(f"ctx.{_snake(name)}", methods) for name, methods in adapters(_Capability).items()
    }
    for name, sentence in spec["unconnected"].items():
        entries.setdefault(_snake(name), _NotConnected(_snake(name), sentence))
    parallel = {
        _snake(name): _Namespace(f"ctx.aio.{_snake(name)}", methods)
        for name, methods in adapters(_AsyncCapability).items()
    }
    parallel["state"] = _AsyncState()
    entries.update(
        state=_State(),
        log=_Log(),
        params=spec["params"],
        connected=spec["connected"],
        connected_blocks=spec["connected"],
        aio=_Namespace("ctx.aio", parallel),
    )
    return Ctx("ctx", entries)


# The names of ctx.pyi, for annotations that are looked up at run time.
State, Log, Http, Aio = _State, _Log, _Namespace, _Namespace
