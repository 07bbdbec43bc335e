"""Types of a worker in Python: `from ctx import Ctx`, then `def tick(ctx: Ctx) -> None: ...`.

The import works at run time too (it is the module `tick_runtime`), so the errors below can be caught by name.

Every function of a worker may be plain or `async def`. In both, a call such as `ctx.http.get(url)` waits for its answer
and returns it; nothing else of the worker runs meanwhile, except other asyncio tasks. `await ctx.http.get(url)` does the same.
Calls at the same time go through `ctx.aio`: `await asyncio.gather(ctx.aio.http.get(a), ctx.aio.http.get(b))`. Tasks that are
left when a function returns are cancelled; what one of them raised unseen is the function's error. `time.sleep` waits without
using the processor, until the time of the call is over.

Modules: the standard library and the worker's own files. No sockets, threads or processes, and no numpy, pandas or
other packages. A plain `import` of those raises an ImportError that says what to use instead. `zoneinfo` has no data: use UTC or fixed offsets. `open` sees an empty file system in memory that
is lost with the sandbox. Texts that are hashed differ between machines, not between restarts on one.
"""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Literal, NoReturn, NotRequired, TypedDict, TypeVar, overload

_T = TypeVar("_T")

#: What JSON can hold. Tuples become lists; keys of dicts are str, others are refused; NaN, infinities, bytes, sets, dates and Decimals are refused.
Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]

class TickTimeoutError(TimeoutError):
    """The time of this setup, tick, resume or on_error is over. There is about one second left to tidy up."""

    code: str

class StateError(ValueError):
    """A value or key that `ctx.state` cannot hold. `code` is `STATE_INVALID` or `STATE_LIMIT`."""

    code: str

class CallError(RuntimeError):
    """A call that was refused or went wrong. `code`: `CALL_LIMIT`, `BAD_ARGUMENT`, `EGRESS_DENIED`, ..."""

    code: str

class NotConnectedError(RuntimeError):
    """An adapter that this worker is not connected to; the text says how to connect it."""

    code: str

class WorkerError(Exception):
    """In `on_error`: an error of a sandbox that is gone, whose class is not known any more."""

    name: str
    stack: str

class Result(dict[str, Any]):
    """The answer of a call: a dict. (It can also be awaited, which returns it.)"""

    def __await__(self) -> Any: ...

class State:
    """The worker's own memory: it survives restarts, new versions of the code, and the loss of machines.

    Limits (defaults): key 256 bytes, value 512 KiB as JSON, 16 MiB and 10,000 keys in all. Integers of any size are kept exactly.
    """

    @overload
    def get(self, key: str) -> Any: ...
    @overload
    def get(self, key: str, default: _T) -> Any | _T:
        """The saved value, or `default`. A fresh copy: changing it changes nothing until it is set."""
    def set(self, key: str, value: Json) -> None:
        """Saves a value. It is kept even if the tick fails later."""
    def update(self, values: Mapping[str, Json] = ..., /, **more: Json) -> None:
        """Saves several keys that are never torn apart: after a crash all of them are there, or none."""
    def delete(self, key: str) -> bool:
        """Removes a key; False where there was none."""
    def keys(self) -> list[str]: ...
    def get_all(self) -> dict[str, Any]: ...
    def flush(self) -> None:
        """Waits until everything written so far is stored. Rarely needed: writes are stored at the end of a tick by themselves,
        and always before a call that acts on the outside world."""

class Log:
    """The worker's log. `print` and the `logging` module write here as well. Too long or too many lines are cut, never an error."""

    def debug(self, message: object, fields: Mapping[str, object] = ..., /, **more: object) -> None: ...
    def info(self, message: object, fields: Mapping[str, object] = ..., /, **more: object) -> None: ...
    def warn(self, message: object, fields: Mapping[str, object] = ..., /, **more: object) -> None: ...
    def warning(self, message: object, fields: Mapping[str, object] = ..., /, **more: object) -> None: ...
    def error(self, message: object, fields: Mapping[str, object] = ..., /, **more: object) -> None: ...
    def flush(self) -> None:
        """Lines leave by themselves; this is here for workers that come from elsewhere."""

_Field = str | int | float | bool | None | Sequence[str | int | float | bool | None]
_Fields = Mapping[str, _Field]
_Headers = Mapping[str, str | int | float]

class Http:
    """Requests to the public web, http and https.

    Results: `{"status", "ok", "headers", "text", "json"}`, whatever the status; `json` is parsed if the content type says so, else
    None. No answer at all is data too: `{"error": "...", "code": "..."}`. Addresses that are not public raise a CallError.
    `timeout` is in seconds (default 30); the time left in the tick may lower it.
    """

    def get(
        self, url: str, params: _Fields | None = None, headers: _Headers | None = None, timeout: float | None = None
    ) -> Result: ...
    def post(
        self,
        url: str,
        json: Json = None,
        data: str | _Fields | None = None,
        raw_body: str | bytes | None = None,
        headers: _Headers | None = None,
        timeout: float | None = None,
    ) -> Result:
        """Give one body: `json`; `data`, where a mapping is sent as a form; or `raw_body`, exactly these bytes."""
    def fetch(
        self,
        url: str,
        method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET",
        headers: _Headers | None = None,
        json: Json = None,
        raw_body: str | bytes | None = None,
        timeout: float | None = None,
        *,
        params: _Fields | None = None,
        data: str | _Fields | None = None,
    ) -> Result: ...

class AioHttp:
    """The calls of `ctx.http` as coroutines."""

    def get(
        self, url: str, params: _Fields | None = None, headers: _Headers | None = None, timeout: float | None = None
    ) -> Awaitable[Result]: ...
    def post(
        self,
        url: str,
        json: Json = None,
        data: str | _Fields | None = None,
        raw_body: str | bytes | None = None,
        headers: _Headers | None = None,
        timeout: float | None = None,
    ) -> Awaitable[Result]: ...
    def fetch(
        self,
        url: str,
        method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET",
        headers: _Headers | None = None,
        json: Json = None,
        raw_body: str | bytes | None = None,
        timeout: float | None = None,
        *,
        params: _Fields | None = None,
        data: str | _Fields | None = None,
    ) -> Awaitable[Result]: ...

class AioState:
    def flush(self) -> Awaitable[None]: ...

class Aio:
    """Every call of `ctx` as a coroutine, for calls at the same time: `await asyncio.gather(ctx.aio.http.get(url), ...)`."""

    @property
    def http(self) -> AioHttp: ...
    @property
    def state(self) -> AioState: ...
    def __getattr__(self, adapter: str) -> Any: ...

class UnresolvedCall(TypedDict):
    """A durable call whose outcome this worker may not know. An adapter with durable methods has a list of them as `unresolved`, made
    anew for each call of the worker's functions. Look at it before you act."""

    id: str
    method: str
    #: The arguments as the adapter read them, with camelCase keys.
    request: dict[str, Any]
    #: Number of the tick that made it.
    tick: int
    #: When it was stored, right before it was sent. Unix seconds.
    at: float
    #: `done`: the service has acted, or refused for good. `absent`: it has not and never will, so it may be done again. `unknown`: it
    #: cannot be told yet; it is found out while the worker ticks, and shown again.
    status: Literal["done", "absent", "unknown"]
    #: Of one that is `done`: what the call would have returned. Missing where that is larger than 16 KiB.
    result: NotRequired[Any]
    #: Why it is `unknown`, or has no `result`.
    reason: NotRequired[str]

class Worker:
    """Facts about this worker and this call. Times are Unix seconds, durations seconds."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str:
        """Version of the code."""
    @property
    def tick(self) -> int:
        """Number of this tick; it grows and is never reused."""
    @property
    def interval(self) -> float | None:
        """Seconds between ticks; None for a worker that follows a cron expression."""
    @property
    def due_at(self) -> float:
        """When this tick was due."""
    @property
    def last_tick_at(self) -> float | None:
        """When the last tick began; None before the first."""
    @property
    def started_by(self) -> str:
        """Why the worker runs in this sandbox: `deploy`, `start` or `restart`; `node-restart` after a restart of the runtime; after the
        engine replaced its sandbox `cell-lost`, `timeout`, `memory`, `error`, `recycled` or `parked`."""
    @property
    def time_left(self) -> float:
        """Seconds left in this call, at the moment of reading `ctx.worker`."""

class Ctx:
    """What every function of a worker is called with.

    Adapters that a platform adds are attributes as well. They take their arguments by position or by name (snake_case);
    `None` means absent. One that is not connected raises NotConnectedError, a RuntimeError, as soon as it is used:
    `monitor`, `bybit`, `ig`, `telegram`, `files` and `llm` are such names unless the program around the engine supplies them.
    An adapter with durable methods has `unresolved`, a list of UnresolvedCall.
    """

    @property
    def state(self) -> State: ...
    @property
    def log(self) -> Log: ...
    @property
    def http(self) -> Http: ...
    @property
    def worker(self) -> Worker: ...
    @property
    def params(self) -> dict[str, Any]:
        """The worker's own settings from the configuration."""
    @property
    def connected(self) -> dict[str, Any]:
        """The connections that this worker may use, by name."""
    @property
    def connected_blocks(self) -> dict[str, Any]:
        """The same as `connected`."""
    @property
    def aio(self) -> Aio: ...
    def __getattr__(self, adapter: str) -> Any: ...
    def __setattr__(self, name: str, value: object) -> NoReturn: ...
