"""One request through a handler, by the platform's rules, and finding the handler by its name."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import uuid4

from ..application import load_object, names_its_interface
from ..config.target import parse_target
from ..contract.response import dump_result
from ..contract.trigger import ACCEPTED, Trigger, is_async
from ..errors import ConfigError
from ..handler import Handler, wrap
from ..messages import Request, Response


class Exchange(NamedTuple):
    """The event that the handler got, the result that it returned, and the response that the client gets.

    Event and result are None when the gateway has refused the request. ``error`` is what the handler raised at an
    asynchronous request, whose client has its 202 by then, and None otherwise.
    """

    event: dict[str, Any] | None
    result: Any
    response: Response
    error: Exception | None = None


class Function(NamedTuple):
    """What the platform calls: the handler, and the hooks where there are some."""

    handler: Callable[..., Any]
    initialize: Callable[[Any], Any] | None
    pre_stop: Callable[[Any], Any] | None


def load_function(handler: Callable[..., Any] | str) -> Function:
    """The function of a handler, or of its name: ``"index:handler"``, ``"index.handler"``, ``"web/index.py:handler"``.

    The hooks are ``initialize`` and ``pre_stop`` of the handler's module where a name leads there, else the handler's
    own, which a plain function does not have. A name may lead to a bare app, too. Raises ConfigError for a name that
    leads nowhere, and for an app that is given where a handler is expected.
    """
    hooks: list[Any] = []
    found: Any
    if isinstance(handler, str):
        target = parse_target(handler)
        if str(target.directory) not in sys.path:
            sys.path.insert(0, str(target.directory))  # as the runner has it
        found = load_object(f"{target.module}:{target.attribute}")
        hooks = [sys.modules[target.module]]
    else:
        found = handler
    if not callable(found):
        raise ConfigError(f"expected a handler, or its name such as 'index:handler', got {found!r:.100}")
    if not isinstance(found, Handler) and names_its_interface(found):
        if found is handler:
            raise ConfigError(f"expected a handler, got the app {found!r:.100}; wrap it: fc_adapter.wrap(app)")
        found = wrap(found)
    hooks.append(found)

    def find(name: str) -> Any:
        return next(filter(callable, [getattr(owner, name, None) for owner in hooks]), None)

    return Function(found, find("initialize"), find("pre_stop"))


def run(handler: Callable[..., Any], request: Request, *, context: Any, trigger: Trigger) -> Exchange:
    """Run ``request`` through ``handler``. Exceptions from the handler propagate, as do results that are not JSON.

    An asynchronous request has been served when this returns, so that its result, or its error, can be looked at.
    """
    request_id = f"1-{uuid4()}"
    event = result = failure = None
    response = trigger.refuse(request)
    if response is None:
        event = trigger.build_event(request, request_id)
        response = ACCEPTED
        try:
            result = handler(json.dumps(event).encode("ascii"), context)
            data = dump_result(result)
        except Exception as error:
            if not is_async(request):
                raise
            failure = error
        else:
            if not is_async(request):
                response = trigger.respond(data)
    response = trigger.finish(response, request_id)
    if request.method == "HEAD":
        response = response._replace(body=b"")
    return Exchange(event, result, response, failure)
