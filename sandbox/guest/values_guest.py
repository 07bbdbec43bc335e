"""The Python half of a sandbox begins here: the errors that workers import, and values as JSON. Runs as the module
`tick_runtime`, in one namespace with the other files of PYTHON_PRELUDE_FILES (protocol.ts). Between it and python.guest.ts only text crosses: state values are JSON text, a failed
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
