"""A running local platform: gateway, instances and HTTP server together."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from ..config.function import Function
from ..config.target import parse_target
from ..contract.facts import DEFAULT_FACTS, Facts
from ..contract.trigger import Trigger
from .gateway import Exchange, Gateway
from .in_process import LocalInstance
from .instance import CAN_FREEZE, Instance, Log
from .life import AnyInstance
from .observer import Observer
from .pool import Pool
from .server import HTTPServer


class LocalPlatform:
    """Serves one function over HTTP.

    - ``host``, ``port``: where to listen; port 0 is any free one, None is none: others may ask ``gateway``.
    - ``instances``: how many there may be at the same time.
    - ``freeze``: whether an instance stands still between requests; without effect where the system cannot.
    - ``in_process``: run the function in this process, so that debuggers work; then there is one instance.
    - ``custom_domain``: answer as on a custom domain rather than the default one.
    - ``facts``: how the platform behaves where nobody has written it down.
    - ``idle_seconds``: how long an instance is kept without work.
    - ``observer``: is told of each request, exchange, instance, and of what the function logs and prints.

    ``url`` says where it is served, ``pool`` holds its instances, ``gateway`` takes requests without a socket.

    Raises OSError when it cannot listen.
    """

    def __init__(
        self,
        function: Function,
        *,
        host: str = "127.0.0.1",
        port: int | None = 9000,
        instances: int = 10,
        freeze: bool = True,
        in_process: bool = False,
        custom_domain: bool = False,
        facts: Facts | None = None,
        idle_seconds: float = 300.0,
        observer: Observer | None = None,
    ) -> None:
        told = observer or Observer()
        watch: Any = {"log": told.logged, "tap": told.wants_app_responses}
        noted: set[str] = set()

        def make() -> AnyInstance:
            instance: AnyInstance
            if in_process:
                instance = LocalInstance(function, **watch)
            else:
                instance = Instance(function, freeze=freeze and CAN_FREEZE, noted=noted, **watch)
            told.made(instance)
            return instance

        self.pool = Pool(make, limit=1 if in_process else instances, idle_seconds=idle_seconds)
        trigger = Trigger(function.methods, custom_domain, facts or DEFAULT_FACTS)
        self.gateway = Gateway(self.pool, trigger, told)
        self._server: HTTPServer | None = None
        self.url = ""
        if port is None:
            return
        try:
            self._server = HTTPServer(host, port, self.gateway)
        except OSError:
            self.pool.close()
            raise
        self.url = to_url(host, self._server.port)

    def start(self) -> None:
        """Begin to accept connections, in a thread."""
        if self._server is not None:
            self._server.start()

    def close(self) -> None:
        """Stop listening, end all instances and connections."""
        if self._server is not None:
            self._server.stop_listening()
        # Requests that are being served are answered before their connections end.
        self.pool.close()
        if self._server is not None:
            self._server.close()


def to_url(host: str, port: int) -> str:
    """The address of an HTTP server."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


class _Functions(Observer):
    """An observer made of functions."""

    def __init__(self, log: Log | None, observe: Callable[[Exchange], None] | None) -> None:
        self._log = log
        self._observe = observe

    def ended(self, exchange: Exchange) -> None:
        """A request has its response."""
        if self._observe is not None:
            self._observe(exchange)

    def logged(self, instance_id: str, line: bytes) -> None:
        """The function has logged or printed a line."""
        if self._log is not None:
            self._log(instance_id, line)


@contextmanager
def serve(
    handler: Any,
    *,
    port: int = 0,
    log: Log | None = None,
    observe: Callable[[Exchange], None] | None = None,
    **options: Any,
) -> Generator[LocalPlatform, None, None]:
    """Serve a handler for the time of a ``with`` block, as ``fc-adapter serve`` does; ``.url`` says where.

    ``handler`` is a name such as ``"index:handler"`` or ``"path/to/index.py:handler"``, which runs in an instance of
    its own, or the handler function itself, which runs in this process. ``log(instance_id, line)`` gets what the
    function logs and prints (bytes), ``observe(exchange)`` each exchange; an ``observer`` gets more. ``options`` are
    those of LocalPlatform.

    Raises ConfigError when there is no such handler, and OSError when ``port`` (0: any free one) cannot be had.
    """
    if isinstance(handler, str):
        function = Function(handler=parse_target(handler), runtime=sys.version_info[:2])
    else:
        function = Function(handler=handler, runtime=sys.version_info[:2])
        options["in_process"] = True
    options.setdefault("observer", _Functions(log, observe))
    platform = LocalPlatform(function, port=port, **options)
    platform.start()
    try:
        yield platform
    finally:
        platform.close()
