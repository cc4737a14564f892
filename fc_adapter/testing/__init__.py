"""Clients for your own tests: HTTP in, HTTP out, through the real contract and without a socket.

- ``Client(handler)``: werkzeug's test client, whose responses have ``.event`` and ``.result`` beside them.
- ``Transport(handler)``: for httpx, so that an existing httpx test suite runs through the contract unchanged.

The modules: ``client`` and ``transport``, and what both do to a request, ``exchange``; ``pytest_plugin``, whose
fixtures are the client and the ``local`` platform.
"""

from __future__ import annotations

__all__ = ["Client", "Transport"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .client import Client
    from .transport import Transport
else:  # type checkers would take it to have every name

    def __getattr__(name):
        """Load ``Client``, which needs werkzeug, or ``Transport``, which needs httpx, when it is asked for."""
        if name == "Client":
            from .client import Client

            return Client
        if name == "Transport":
            from .transport import Transport

            return Transport
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
