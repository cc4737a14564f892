"""Several functions behind one port: by the routes of a custom domain, and by their names."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any, NamedTuple

from ..config.domain import Domain
from ..contract.response import add_platform_headers, platform_error
from ..contract.trigger import ACCEPTED, is_async, refuse_body
from ..messages import Request, Response
from .context import new_request_id
from .gateway import Exchange, Gateway
from .life import Reply
from .observer import Observer
from .pool import Pool, always

# Documented: InvokeFunction of the API of version 2023-03-30. Its body is the event, whatever it is.
_INVOCATION = re.compile(r"/2023-03-30/functions/([\w-]+)/invocations")


class Member(NamedTuple):
    """What the router knows of a function: who serves its requests, runs its events, and watches both."""

    gateway: Gateway
    pool: Pool
    observer: Observer


class Router:
    """Takes requests as a Gateway does, and hands them on to the function that they are for.

    ``functions`` are all by their names. ``domain`` has the routes to them; without a domain ``default`` gets what is
    not an invocation by name. ``observer`` is told of requests that no function gets.
    """

    def __init__(
        self,
        functions: Mapping[str, Member],
        observer: Observer,
        *,
        domain: Domain | None = None,
        default: Member | None = None,
    ) -> None:
        self._functions = functions
        self._observer = observer
        self._domain = domain
        self._default = default

    def handle(self, request: Request, *, is_wanted: Callable[[], bool] = always, sent: Any = None) -> Response:
        """The response to ``request``; see ``Gateway.handle``."""
        invocation = _INVOCATION.fullmatch(request.raw_path) if request.method == "POST" else None
        if invocation is not None and invocation[1] in self._functions:
            return self._invoke(self._functions[invocation[1]], request, is_wanted)
        if self._default is not None:
            return self._default.gateway.handle(request, is_wanted=is_wanted, sent=sent)
        route = None if self._domain is None else self._domain.find(request.method, request.raw_path)
        if route is None or route.function not in self._functions:
            error = platform_error(
                404, "DomainRouteNotFound", f"no route for {request.method} {request.raw_path[:200]}"
            )
            return self._finish(self._observer, request, error, time.perf_counter(), new_request_id())
        path, query = route.rewrite(request.raw_path, request.query_string)
        request = request._replace(raw_path=path, query_string=query)
        return self._functions[route.function].gateway.handle(request, is_wanted=is_wanted, sent=sent)

    def refuse(self, *arguments: Any, **options: Any) -> Response:
        """The response to what is not a request; see ``Gateway.refuse``."""
        function = self._default or next(iter(self._functions.values()))
        return function.gateway.refuse(*arguments, **options)

    def _invoke(self, function: Member, request: Request, is_wanted: Callable[[], bool]) -> Response:
        """Run the request's body as an event."""
        refusal = refuse_body(request)
        if refusal is not None:
            return self._finish(function.observer, request, refusal, time.perf_counter(), new_request_id())
        if is_async(request):
            threading.Thread(target=self._run, args=(function, request), daemon=True).start()
            return add_platform_headers(
                ACCEPTED, request_id=new_request_id(), date=formatdate(usegmt=True), custom_domain=True
            )
        return self._run(function, request, is_wanted)

    def _run(self, function: Member, request: Request, is_wanted: Callable[[], bool] = always) -> Response:
        began, request_id = time.perf_counter(), new_request_id()
        reply = function.pool.run(request.body, request_id, is_wanted)
        if reply.kind == "aborted":
            response = platform_error(503, "ServiceUnavailable", reply.describe_error())
        else:
            error = (("X-Fc-Error-Type", "UnhandledInvocationError"),) if reply.kind == "error" else ()
            response = Response(200, (("Content-Type", "application/octet-stream"), *error), reply.data)
        return self._finish(function.observer, request, response, began, request_id, reply)

    def _finish(
        self,
        observer: Observer,
        request: Request,
        response: Response,
        began: float,
        request_id: str,
        reply: Reply | None = None,
    ) -> Response:
        date = formatdate(usegmt=True)
        response = add_platform_headers(response, request_id=request_id, date=date, custom_domain=True)
        observer.ended(Exchange(request, request_id, response, time.perf_counter() - began, None, reply))
        return response
