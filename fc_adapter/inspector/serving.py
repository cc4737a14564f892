"""The inspector on a port of its own, always on loopback."""

from __future__ import annotations

import errno
import os
import secrets

from ..config.function import Function
from ..messages import Request
from ..runner.gateway import Exchange
from ..runner.instance import CAN_FREEZE
from ..runner.life import AnyInstance
from ..runner.observer import Observer, Sent
from ..runner.platform import LocalPlatform
from ..runner.server import HTTPServer, QuietRequestHandler
from .app import App
from .history import History
from .roster import Roster

HOST = "127.0.0.1"


class Inspector(Observer):
    """Remembers invocations from the start, and serves its page once ``serve`` is called.

    ``limit`` is how many invocations are kept. ``token``, a random one if it is left out, is what others on this
    machine do not know.
    """

    wants_app_responses = True

    def __init__(self, *, limit: int, token: str | None = None) -> None:
        self._history = History(limit)
        self._roster = Roster()
        self._token = token or secrets.token_urlsafe(24)
        self._app: App | None = None
        self._server: HTTPServer | None = None

    def began(self, request: Request, request_id: str, sent: Sent | None = None) -> None:
        """A request has come."""
        self._history.begin(request, request_id, sent)

    def ended(self, exchange: Exchange) -> None:
        """A request has its response."""
        self._history.end(exchange)

    def logged(self, instance_id: str, line: bytes) -> None:
        """The function has logged or printed a line."""
        self._history.log(instance_id, line)

    def made(self, instance: AnyInstance) -> None:
        """There is a new instance, which has not been started."""
        self._roster.add(instance)

    def serve(self, port: int, platform: LocalPlatform, function: Function, *, custom_domain: bool) -> str:
        """Serve the page; return its address, which has the token in it.

        Another port is taken when ``port`` is not free. Raises OSError.
        """
        self._app = App(
            function=function,
            gateway=platform.gateway,
            pool=platform.pool,
            history=self._history,
            roster=self._roster,
            url=platform.url,
            token=self._token,
            custom_domain=custom_domain,
            environment={**os.environ, **function.environment},
            facts={
                "function": function.label,
                "runtime": "python" + ".".join(map(str, function.runtime)),
                "memory": function.memory,
                "timeout": function.timeout,
                "url": platform.url,
                "limit": self._history.limit,
                "freezes": CAN_FREEZE,
                "methods": list(function.methods),
            },
        )
        try:
            self._server = HTTPServer(HOST, port, self._app, request_handler=QuietRequestHandler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            self._server = HTTPServer(HOST, 0, self._app, request_handler=QuietRequestHandler)
        self._server.start()
        return f"http://{HOST}:{self._server.port}/?token={self._token}"

    def close(self) -> None:
        """Stop serving, and end the connections of pages that listen."""
        if self._app is not None:
            self._app.close()
        if self._server is not None:
            self._server.close()
