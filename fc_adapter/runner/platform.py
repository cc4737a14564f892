"""A running local platform: gateway, instances and HTTP server together."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from ..config.function import Function
from ..config.target import parse_target
from ..contract.trigger import Trigger
from ..messages import Request
from .gateway import Exchange, Gateway
from .in_process import LocalInstance
from .instance import CAN_FREEZE, Instance, Log
from .pool import AnyInstance, Pool
from .server import HTTPServer


class LocalPlatform:
    """Serves one function over HTTP.

    - ``host``, ``port``: where to listen; port 0 is any free one.
    - ``instances``: how many there may be at the same time.
    - ``freeze``: whether an instance stands still between requests; without effect where the system cannot.
    - ``in_process``: run the function in this process, so that debuggers work; then there is one instance.
    - ``custom_domain``: answer as on a custom domain rather than the default one.
    - ``idle_seconds``: how long an instance is kept without work.
    - ``log(instance_id, line)``: gets what the function logs and prints; ``observe(exchange)``: each exchange.
    - ``begin(request, request_id)``: gets each request when it comes; ``made(instance)``: each instance.
    - ``probe``: have the instances tell what a wrapped app answered itself.

    ``url`` says where it is served, ``pool`` holds its instances, ``gateway`` takes requests without a socket.

    Raises OSError when it cannot listen.
    """

    def __init__(
        self,
        function: Function,
        *,
        host: str = "127.0.0.1",
        port: int = 9000,
        instances: int = 1,
        freeze: bool = True,
        in_process: bool = False,
        custom_domain: bool = False,
        idle_seconds: float = 300.0,
        log: Log = lambda instance_id, line: None,
        observe: Callable[[Exchange], None] = lambda exchange: None,
        begin: Callable[[Request, str], None] = lambda request, request_id: None,
        made: Callable[[AnyInstance], None] = lambda instance: None,
        probe: bool = False,
    ) -> None:
        def make() -> AnyInstance:
            instance: AnyInstance
            if in_process:
                instance = LocalInstance(function, log=log, probe=probe)
            else:
                instance = Instance(function, log=log, freeze=freeze and CAN_FREEZE, probe=probe)
            made(instance)
            return instance

        self.pool = Pool(make, limit=1 if in_process else instances, idle_seconds=idle_seconds)
        trigger = Trigger(function.methods, custom_domain)
        self.gateway = Gateway(self.pool, trigger, observe=observe, begin=begin)
        try:
            self._server = HTTPServer(host, port, self.gateway)
        except OSError:
            self.pool.close()
            raise
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self._server.port}"

    def start(self) -> None:
        """Begin to accept connections, in a thread."""
        self._server.start()

    def close(self) -> None:
        """Stop listening, end all instances and connections."""
        self._server.stop_listening()
        # Requests that are being served are answered before their connections end.
        self.pool.close()
        self._server.close()


@contextmanager
def serve(handler: Any, *, port: int = 0, **options: Any) -> Generator[LocalPlatform, None, None]:
    """Serve a handler for the time of a ``with`` block, as ``fc-adapter serve`` does; ``.url`` says where.

    ``handler`` is a name such as ``"index:handler"`` or ``"path/to/index.py:handler"``, which runs in an instance of
    its own, or the handler function itself, which runs in this process. ``options`` are those of LocalPlatform.

    Raises ConfigError when there is no such handler, and OSError when ``port`` (0: any free one) cannot be had.
    """
    if isinstance(handler, str):
        function = Function(handler=parse_target(handler), runtime=sys.version_info[:2])
    else:
        function = Function(handler=handler, runtime=sys.version_info[:2])
        options["in_process"] = True
    platform = LocalPlatform(function, port=port, **options)
    platform.start()
    try:
        yield platform
    finally:
        platform.close()
