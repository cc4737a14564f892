"""The invocation that is being served, for code that is not handed it: ``fc_adapter.current_invocation()``."""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import ContextVar, Token
    from typing import Any, Union

    Mark = Union[Token["Invocation | None"], "Invocation", None]


class Invocation:
    """One call of the handler.

    - ``event``: the event; a ``dict`` when it is an HTTP event, None under FC 2.0, otherwise what the platform passed.
    - ``context``: the platform's context object, or None.
    - ``request_id`` (str): the request's id, or ``""``.
    """

    event: Any
    context: Any
    request_id: str

    __slots__ = ("context", "event", "request_id")

    def __init__(self, event: Any, context: Any, request_id: str) -> None:
        self.event = event
        self.context = context
        self.request_id = request_id

    def __repr__(self) -> str:
        """The request's id alone: error reporters send the variables of an app's functions."""
        return f"<fc_adapter.Invocation {self.request_id!r}>"


class EventFields:
    """The event in an environ or a scope: ``event["rawPath"]``, ``event.get("body")`` and ``"body" in event``.

    It is neither a mapping nor iterable, and its ``repr`` shows nothing of it, since error pages and error reporters
    print an environ and all that it holds. ``current_invocation().event`` is the dict.
    """

    __slots__ = ("_fields",)
    __iter__ = None  # without this, Python would try the indices 0, 1, 2

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def __getitem__(self, key: str) -> Any:
        return self._fields[key]

    def __contains__(self, key: object) -> bool:
        return key in self._fields

    def get(self, key: str, default: Any = None) -> Any:
        """The field ``key``, or ``default`` when the event has none."""
        return self._fields.get(key, default)

    def __repr__(self) -> str:
        return "<fc_adapter event>"


def add_invocation(surroundings: dict[str, Any], invocation: Invocation) -> None:
    """Put ``invocation`` into an environ or a scope, as ``fc.event``, ``fc.context`` and ``fc.request_id``."""
    event = invocation.event
    surroundings["fc.event"] = None if event is None else EventFields(event)
    surroundings["fc.context"] = invocation.context
    surroundings["fc.request_id"] = invocation.request_id


# A context variable follows into tasks and threads, but costs an import: it exists once somebody asks for it. Where it
# has not been set, because the request began before, the thread that serves the request knows.
_variable: ContextVar[Invocation | None] | None = None
_thread = threading.local()
_UNSET = Invocation(None, None, "")

# The threads that run, and those that are starting: ``threading`` has them, but no public name for a quick look. Where
# they are missing, this thread seems to be alone, and no other is waited for.
ACTIVE_THREADS: Any = getattr(threading, "_active", (None,))
STARTING_THREADS: Any = getattr(threading, "_limbo", ())


def current_invocation() -> Invocation | None:
    """The invocation being served where this is called, or None outside of one.

    It follows into asyncio tasks, and into threads that are started with a copy of the context: those of FastAPI's
    ``def`` routes, ``asyncio.to_thread`` and Django's ``sync_to_async``.
    """
    invocation = context_variable().get(_UNSET)
    return getattr(_thread, "invocation", None) if invocation is _UNSET else invocation


def context_variable() -> ContextVar[Invocation | None]:
    """The variable that holds the current invocation, made at the first call."""
    global _variable
    if _variable is None:
        from contextvars import ContextVar

        _variable = ContextVar("fc_adapter.invocation")
    return _variable


def enter(invocation: Invocation) -> Mark:
    """Make ``invocation`` the current one, and return a mark for ``leave``."""
    if _variable is not None:
        return _variable.set(invocation)
    previous: Invocation | None = getattr(_thread, "invocation", None)
    _thread.invocation = invocation
    return previous


def leave(mark: Mark) -> None:
    """Restore the invocation that was current before ``enter`` returned ``mark``."""
    if mark is None or isinstance(mark, Invocation):
        _thread.invocation = mark
    else:
        mark.var.reset(mark)


def function_timeout(context: Any) -> float | None:
    """The function's timeout in seconds, if the platform's ``context`` tells it."""
    try:
        return float(context.function.timeout)  # some runtimes have it as a string
    except (AttributeError, TypeError, ValueError):
        return None
