"""The invocation that is being served, for code that is not handed it: ``fc_adapter.current_invocation()``."""

from __future__ import annotations

import threading
from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import ContextVar, Token
    from typing import Any, NamedTuple, Union

    Mark = Union[Token["Invocation | None"], "Invocation", None]

    class _InvocationFields(NamedTuple):
        event: Any
        context: Any
        request_id: str

else:
    _InvocationFields = namedtuple("_InvocationFields", "event context request_id")


class Invocation(_InvocationFields):
    """One call of the handler.

    - ``event``: the event; a ``dict`` when it is an HTTP event, None under FC 2.0, otherwise what the platform passed.
    - ``context``: the platform's context object, or None.
    - ``request_id`` (str): the request's id, or ``""``.
    """

    __slots__ = ()


# A context variable follows into tasks and threads, but costs an import: it exists once somebody asks for it. Where it
# has not been set, because the request began before, the thread that serves the request knows.
_variable: ContextVar[Invocation | None] | None = None
_thread = threading.local()
_UNSET = Invocation(None, None, "")


def current_invocation() -> Invocation | None:
    """The invocation being served where this is called, or None outside of any.

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
    """Make that invocation the current one which was so before ``enter`` returned ``mark``."""
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
