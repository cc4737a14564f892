"""Errors of a request: the log record, without the request's data in its traceback, and the page for the client.

Reporters also go up the stack from a log record without an error. Sentry, Django and Werkzeug leave out functions whose
variable ``__traceback_hide__`` is true: those of the adapter that hold the event, the request or its body.
"""

from __future__ import annotations

from .errors import AppError, DeadlineError
from .messages import Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

# What calls the app: this package, and a thread's executor when a loop is running already.
_CALLERS = ("fc_adapter", "asyncio", "concurrent")
_CO_COROUTINE = 0x80  # of `inspect`; such a frame may be suspended, and clearing it would end it


def answer_error(error: Exception, request_id: str) -> Response:
    """Log the app's ``error``, and return a page that tells the client nothing of it."""
    if isinstance(error, DeadlineError):
        return answer(error, request_id, 504, "Gateway Timeout")
    return answer(error, request_id, 500, "Internal Server Error")


def answer(error: Exception, request_id: str, status: int, body: str) -> Response:
    """Log ``error``, and return a page with ``status`` that says ``body``."""
    log_error(error, "request %s failed with %s: %s", request_id or "(no id)", type(error).__name__, error)
    return Response(status, (("Content-Type", "text/plain; charset=utf-8"),), body.encode("utf-8"))


def log_error(error: BaseException, message: str, *arguments: Any) -> None:
    """Log ``error`` and its causes with tracebacks that begin at the app's first frame.

    Error reporters send the variables of each frame in a traceback. Those of the adapter's frames that led to the app
    are the event, the request and its body, which the same app's errors behind another server do not show.

    Of a lifespan's failure, the record has the app's own error: reporters drop one that they have seen, by identity.
    """
    from logging import getLogger

    seen = set()
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            BaseException.with_traceback(each, _cut(each.__traceback__))
            pending += each.__cause__, each.__context__
    origin = error.app_error if isinstance(error, AppError) else None
    getLogger("fc_adapter").error(message, *arguments, exc_info=error if origin is None else origin)


def _cut(traceback: TracebackType | None) -> TracebackType | None:
    """``traceback`` from the app's first frame on; if there is none, the adapter's frames, without their variables."""
    if traceback is None or _package(traceback) != "fc_adapter":
        return traceback
    first: TracebackType | None = traceback
    while first is not None and _package(first) in _CALLERS:
        first = first.tb_next
    kept: TracebackType | None = first or traceback
    each = kept
    while each is not None:
        # Also where an app calls another handler, or raises an error that it has raised in an earlier request.
        if _package(each) == "fc_adapter" and not each.tb_frame.f_code.co_flags & _CO_COROUTINE:
            try:
                each.tb_frame.clear()
            except RuntimeError:  # it is still running
                kept = first or each.tb_next
        each = each.tb_next
    return kept


def _package(traceback: TracebackType) -> str:
    name = traceback.tb_frame.f_globals.get("__name__")
    return name.partition(".")[0] if isinstance(name, str) else ""
