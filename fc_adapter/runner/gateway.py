"""The gateway's part, without sockets: a request becomes an event, is invoked, and its result becomes a response."""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

from ..contract.response import function_error, platform_error
from ..contract.trigger import ACCEPTED, Trigger, is_async
from ..messages import Request, Response
from ..terminal import warn
from .context import new_request_id
from .life import Reply
from .observer import Observer, Sent
from .pool import Pool, always

_SHOWN = 8192  # characters of a target that nobody has checked
_REASON = 500  # characters of a reason, which may be an app's own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..messages import Pairs


class Exchange(NamedTuple):
    """One request, and all that came of it.

    ``seconds`` is what the client waited for. ``event`` and ``reply`` are None when the gateway refused the request.
    """

    request: Request
    request_id: str
    response: Response
    seconds: float
    event: dict[str, Any] | None = None
    reply: Reply | None = None

    @property
    def refusal(self) -> str:
        """Why the platform refused the request, or the function's result; ``""`` where it refused neither."""
        is_result = self.reply is not None and self.reply.kind == "result"
        if self.reply is not None and not (is_result and self.response.status == 502):
            return ""
        try:
            error = json.loads(self.response.body)
        except (ValueError, RecursionError):
            return ""
        is_error = isinstance(error, dict) and error.keys() == {"errorCode", "errorMessage"}
        return f"{error['errorCode']}: {error['errorMessage']}"[:_REASON] if is_error else ""


class _Call(NamedTuple):
    """A request on its way. ``began`` is when it came; see ``Gateway.handle`` for ``is_wanted``."""

    request: Request
    request_id: str
    began: float
    is_wanted: Callable[[], bool]


class Gateway:
    """Serves requests by the rules of ``trigger``. ``observer`` is told when they come, and what became of them."""

    def __init__(self, pool: Pool, trigger: Trigger, observer: Observer) -> None:
        self._pool = pool
        self._trigger = trigger
        self._observer = observer

    def handle(
        self,
        request: Request,
        request_id: str | None = None,
        *,
        is_wanted: Callable[[], bool] = always,
        sent: Sent | None = None,
    ) -> Response:
        """The response to ``request``, which the client gets as it is. Its id is a new one unless it is given.

        ``is_wanted()`` tells whether the client is still there, should the request have to wait for an instance;
        ``sent`` is for the observer.
        """
        call = _Call(request, request_id or new_request_id(), time.perf_counter(), is_wanted)
        self._observer.began(request, call.request_id, sent)
        refusal = self._trigger.refuse(request)
        if refusal is not None:
            return self._answer(call, refusal)
        if is_async(request):
            call = call._replace(is_wanted=always)  # its client has its answer
            threading.Thread(target=self._serve, args=(call,), daemon=True).start()
            return self._trigger.finish(ACCEPTED, call.request_id)
        return self._serve(call)

    def refuse(
        self, reason: str, method: str = "", target: str = "", client: str = "", headers: Pairs = ()
    ) -> Response:
        """The response to what is not a request; ``method`` and ``target`` are ``""`` where they are not known."""
        path, _, query = target[:_SHOWN].partition("?") if method else ("", "", "")
        request = Request(method or "-", path or "-", query, headers, b"", "http", "1.1", client, ("", 0))
        response = platform_error(400, "InvalidArgument", reason)
        call = _Call(request, new_request_id(), time.perf_counter(), always)
        self._observer.began(request, call.request_id, Sent(target[:_SHOWN] or "-", is_whole=False))
        return self._answer(call, response)

    def run_event(
        self, event: dict[str, Any], request_id: str, is_wanted: Callable[[], bool] = always
    ) -> tuple[Response, Reply]:
        """Run an event, and map what comes of it: the response without the platform's own headers, and the reply."""
        reply = self._pool.run(json.dumps(event, ensure_ascii=False).encode("utf-8"), request_id, is_wanted)
        if reply.kind == "aborted":
            return platform_error(503, "ServiceUnavailable", reply.describe_error()), reply
        if reply.kind == "error":
            return function_error(), reply
        return self._trigger.respond(reply.data), reply

    def _serve(self, call: _Call) -> Response:
        """What comes of the function; an error of the runner's own is no reason for a client to get no answer."""
        try:
            event = self._trigger.build_event(call.request, call.request_id)
            response, reply = self.run_event(event, call.request_id, call.is_wanted)
            return self._answer(call, response, event, reply)
        except Exception:
            warn(f"an error of fc-adapter itself, please report it: {traceback.format_exc()}")
            response = platform_error(500, "InternalServerError", "an error of the runner; its terminal has more")
            return self._answer(call, response)

    def _answer(
        self, call: _Call, response: Response, event: dict[str, Any] | None = None, reply: Reply | None = None
    ) -> Response:
        response = self._trigger.finish(response, call.request_id)
        seconds = time.perf_counter() - call.began
        try:
            self._observer.ended(Exchange(call.request, call.request_id, response, seconds, event, reply))
        except Exception:
            warn(f"the exchange could not be shown or kept: {traceback.format_exc()}")
        return response
