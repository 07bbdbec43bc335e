# `ctx` as a worker sees it. One namespace with values_guest.py, which comes first, and with what follows.


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


def _forget_state():
    _known.clear()


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
        known = sorted(key for key in (*self.__dict__, *type(self).__dict__) if key[:1] != "_")
        nearest = _real_import("difflib").get_close_matches(name, known, 1)
        meant = f"did you mean {nearest[0]!r}? It" if nearest else "it"
        raise AttributeError(f"{self._name} has no {name!r}; {meant} has {', '.join(known)}")

    def __setattr__(self, name, value):
        raise AttributeError(f"{self._name} cannot be changed")

    def __repr__(self):
        return f"<{self._name}>"


def _unresolved(adapter):
    """Fresh dicts at every look, in the units and names of Python."""
    calls = _json.loads(_bridge.unresolved(adapter))
    for call in calls:
        call["method"] = _snake(call["method"])
        call["at"] = _seconds(call["at"])
    return calls


class _DurableNamespace(_Namespace):
    """An adapter with durable calls."""

    @property
    def unresolved(self):
        return _unresolved(self._adapter)


class _NotConnected:
    def __init__(self, name, sentence, adapter):
        object.__setattr__(self, "_sentence", sentence)
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_adapter", adapter)

    @property
    def unresolved(self):
        """What it did while it was connected can still be looked at."""
        return _unresolved(self._adapter)

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

    durable = {info["adapter"] for info in spec["capabilities"] if info.get("durable")}

    def namespace(shown, adapter, methods):
        if adapter not in durable:
            return _Namespace(shown, methods)
        return _DurableNamespace(shown, {**methods, "_adapter": adapter})

    entries = {
        _snake(name): namespace(f"ctx.{_snake(name)}", name, methods) for name, methods in adapters(_Capability).items()
    }
    for name, sentence in spec["unconnected"].items():
        entries.setdefault(_snake(name), _NotConnected(_snake(name), sentence, name))
    parallel = {
        _snake(name): namespace(f"ctx.aio.{_snake(name)}", name, methods)
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
UnresolvedCall = dict
