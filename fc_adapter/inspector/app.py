"""The inspector's page and its API, as a WSGI application.

It is for one person: other users of the machine do not know its token. It is for a browser on this machine and for its
own page alone: who asks by another host name (DNS rebinding) or from another origin is refused, and what is shown is
never run, which the Content-Security-Policy makes sure of.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.resources import files
from typing import Any

from werkzeug.exceptions import BadRequest, Conflict, HTTPException, NotFound, Unauthorized
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request as HTTPRequest
from werkzeug.wrappers import Response as HTTPResponse

from .. import __version__
from ..config.function import Function
from ..messages import Request
from ..runner.context import new_request_id
from ..runner.gateway import Gateway
from ..runner.observer import Sent
from ..runner.pool import Pool
from .bodies import image_type
from .compare import compare
from .compose import compose, describe_form, repeat
from .describe import Describer
from .entry import Entry
from .failure import Code, describe_failure
from .guard import RESPONSE_HEADERS, Guard, check_origin, cookie_name, read_action
from .har import build_entry, build_har
from .history import History
from .masking import environment_secrets, mask_bytes, mask_json
from .roster import Roster
from .search import search
from .snippets import UnavailableError, build_curl, build_event_file, build_test
from .timeline import find_freeze

_STATIC = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_PUBLIC = {"page", "static"}  # Files of this package: the page finds out itself that it may not ask for more.
_REQUEST_BYTES = 48 * 1024 * 1024  # the largest body that the gateway takes, as Base64 in JSON
_BATCH = 0.1  # seconds in which what happens is gathered, so that a page is told ten times a second at most,
_BREATH = 0.002  # and these for each invocation it was told of, so that a stream of requests leaves room for them
_LOOK = 1.0  # seconds between two looks at the instances
_BEAT = 10.0  # seconds after which a page is told that there is nothing, which finds out whether it is still there

_URLS = Map(
    [
        Rule(path, endpoint=endpoint, methods=[method])
        for method, path, endpoint in (
            ("GET", "/", "page"),
            ("GET", "/static/<name>", "static"),
            ("GET", "/api/live", "live"),
            ("GET", "/api/search", "search"),
            ("GET", "/api/har", "har"),
            ("POST", "/api/requests", "send"),
            ("DELETE", "/api/invocations", "clear"),
            ("GET", "/api/invocations/<request_id>", "detail"),
            ("GET", "/api/invocations/<request_id>/request", "editable"),
            ("GET", "/api/invocations/<request_id>/image/<station>", "image"),
            ("GET", "/api/invocations/<request_id>/<any(curl, test, event):kind>", "snippet"),
            ("GET", "/api/invocations/<request_id>/har", "har"),
            ("GET", "/api/invocations/<request_id>/diff/<other_id>", "diff"),
            ("POST", "/api/invocations/<request_id>/again", "again"),
            ("POST", "/api/invocations/<request_id>/pin", "pin"),
            ("POST", "/api/instances/<instance_id>/end", "end"),
        )
    ]
)


class App:
    """Serves the page of one running platform. ``url`` is the runner's own, ``token`` is what its user knows."""

    def __init__(
        self,
        *,
        function: Function,
        gateway: Gateway,
        pool: Pool,
        history: History,
        roster: Roster,
        url: str,
        token: str,
        custom_domain: bool,
        environment: dict[str, str],
        facts: dict[str, Any],
    ) -> None:
        self._function = function
        self._code = Code(function)
        self._gateway = gateway
        self._pool = pool
        self._history = history
        self._roster = roster
        self._url = url
        self._custom_domain = custom_domain
        self._guard = Guard(token)
        # A browser sends the page's cookie to the function, too: cookies are those of all ports of a host.
        self._describer = Describer(secrets=[*environment_secrets(environment), token], custom_domain=custom_domain)
        self._facts = facts
        self._is_closed = False

    def close(self) -> None:
        """Close the open /api/live streams."""
        self._is_closed = True
        self._history.wake()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Serve one request of a browser."""
        request = HTTPRequest(environ)
        request.max_content_length = _REQUEST_BYTES
        try:
            check_origin(request)
            endpoint, arguments = _URLS.bind_to_environ(environ).match()
            if endpoint not in _PUBLIC:
                self._guard.check_token(request)
            response: Any = getattr(self, f"_serve_{endpoint}")(request, **arguments)
        except UnavailableError as error:
            response = _json({"error": str(error)}, status=409)
        except HTTPException as error:
            response = _json({"error": error.description}, status=error.code)
            if isinstance(error, Unauthorized):
                response.headers["WWW-Authenticate"] = "Bearer"
        response.headers.extend(RESPONSE_HEADERS)
        return response(environ, start_response)

    # ---- the page ----

    def _serve_page(self, request: HTTPRequest) -> HTTPResponse:
        """The page. An address with the token sets the cookie, and leads to the one without it."""
        token = request.args.get("token")
        if token is not None and self._guard.is_token(token):
            response = HTTPResponse(status=303, headers={"Location": "/"})
            response.set_cookie(cookie_name(request), token, httponly=True, samesite="Strict")
            return response
        page = self._serve_static(request, "index.html")
        page.status_code = 200 if token is None else 401
        return page

    def _serve_static(self, request: HTTPRequest, name: str) -> HTTPResponse:
        static = {each.name: each for each in files(__name__.rpartition(".")[0]).joinpath("static").iterdir()}
        if name not in static:
            raise NotFound("there is no such file")
        kind = _STATIC[name[name.rindex(".") :]]
        return HTTPResponse(static[name].read_bytes(), mimetype=kind)

    # ---- what happens ----

    def _serve_live(self, request: HTTPRequest) -> HTTPResponse:
        return HTTPResponse(self._tell(), mimetype="text/event-stream")

    def _tell(self) -> Iterator[bytes]:
        """What happens, as server-sent events: all that there is first, then what changes, gathered for a moment."""
        version = -1
        instances: Any = None
        told = 0.0
        while not self._is_closed:
            now = self._history.wait(version, _LOOK)
            message: dict[str, Any] = {}
            if version < 0:
                message["facts"] = self._facts
            if now > version:
                entries = self._history.entries()
                message["numbers"] = [entry.number for entry in entries]
                message["invocations"] = [
                    self._describer.summarize(entry) for entry in entries if entry.version > version
                ]
                version = now
            found = self._roster.describe()
            if found != instances:
                message["instances"] = instances = found
            if message:
                yield f"data: {json.dumps(message)}\n\n".encode()
                told = time.monotonic()
                time.sleep(_BATCH + _BREATH * len(message.get("invocations", ())))
            elif time.monotonic() - told > _BEAT:
                yield b":\n\n"
                told = time.monotonic()

    def _serve_search(self, request: HTTPRequest) -> HTTPResponse:
        """Where the words of ``q`` are, by the ids of the invocations."""
        return _json(search(self._history.entries(), request.args.get("q", ""), self._describer))

    def _serve_detail(self, request: HTTPRequest, request_id: str) -> HTTPResponse:
        entry = self._find(request_id)
        detail = self._describer.describe(entry, reveal=_reveals(request))
        mask = self._describer.view(entry, reveal=_reveals(request)).mask
        detail["problem"] = describe_failure(entry, self._code, mask)
        detail["sendable"] = self._history.can_repeat(entry)
        exchange = entry.exchange
        if exchange is not None and exchange.reply is not None:
            instance = self._roster.find(exchange.reply.instance_id)
            freeze = find_freeze(entry, self._history.entries(), instance)
            if freeze is not None:
                detail["timeline"].append(freeze)
        return _json(detail)

    def _serve_image(self, request: HTTPRequest, request_id: str, station: str) -> HTTPResponse:
        """An image that was sent, if it is one of pixels, kept whole, and holds no secret as text."""
        entry = self._find(request_id)
        body = b""
        if station == "request":
            body = entry.request.body
        elif station == "response" and entry.exchange is not None:
            body = entry.exchange.response.body
        mask = self._describer.view(entry, reveal=_reveals(request)).mask
        if not image_type(body) or entry.is_cut(station) or mask_bytes(body, mask) != body:
            raise NotFound("there is no such image")
        return HTTPResponse(body, mimetype=image_type(body))

    def _serve_har(self, request: HTTPRequest, request_id: str = "") -> HTTPResponse:
        """One invocation as an HTTP Archive, or all of them."""
        entries = [self._find(request_id)] if request_id else self._history.entries()
        reveal = _reveals(request)
        documents = []
        for entry in entries:
            if entry.exchange is not None:
                document = build_entry(self._describer.conceal(entry, reveal=reveal), self._url)
                documents.append(mask_json(document, self._describer.view(entry, reveal=reveal).mask))
        response = _json(build_har(documents, version=__version__))
        name = f"invocation-{entries[0].request_id}.har" if request_id else "invocations.har"
        response.headers.set("Content-Disposition", "attachment", filename=name)
        return response

    def _serve_diff(self, request: HTTPRequest, request_id: str, other_id: str) -> HTTPResponse:
        first, second = self._find(request_id), self._find(other_id)
        views = [self._describer.view(entry, reveal=_reveals(request)) for entry in (first, second)]
        return _json({"sections": compare(first, views[0], second, views[1])})

    # ---- actions ----

    def _serve_editable(self, request: HTTPRequest, request_id: str) -> HTTPResponse:
        entry = self._find(request_id)
        return _json(describe_form(entry, self._history, self._describer, reveal=_reveals(request)))

    def _serve_snippet(self, request: HTTPRequest, request_id: str, kind: str) -> HTTPResponse:
        entry = self._describer.conceal(self._find(request_id), reveal=_reveals(request))
        if kind == "curl":
            return _text(build_curl(entry, self._url))
        if kind == "test":
            instance = self._roster.latest()
            handler_kind = instance.life.handler_kind if instance is not None else "wrapped"
            return _text(
                build_test(
                    entry,
                    self._function,
                    handler_kind=handler_kind,
                    url=self._url,
                    custom_domain=self._custom_domain,
                )
            )
        response = _text(build_event_file(entry))
        if request.args.get("save") == "1":
            response.mimetype = "application/json"
            response.headers.set("Content-Disposition", "attachment", filename=f"event-{entry.request_id}.json")
        return response

    def _serve_again(self, request: HTTPRequest, request_id: str) -> HTTPResponse:
        read_action(request)
        entry = self._find(request_id)
        return self._send(*repeat(entry, self._history), entry.request_id)

    def _serve_send(self, request: HTTPRequest) -> HTTPResponse:
        fields = read_action(request)
        original = self._history.find(str(fields.get("origin")))
        try:
            composed, sent = compose(fields, original, self._history, self._describer)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadRequest(str(error)) from error
        return self._send(composed, sent, original.request_id if original is not None else "")

    def _send(self, request: Request, sent: Sent, origin: str) -> HTTPResponse:
        """Send a request through the gateway; tell its id once it is known, or it is over and gone already."""
        request_id = new_request_id()
        self._history.expect(request_id, origin)
        handle = partial(self._gateway.handle, request, request_id, sent=sent)
        thread = threading.Thread(target=handle, daemon=True)
        thread.start()
        version = -1
        while self._history.find(request_id) is None and thread.is_alive():
            version = self._history.wait(version, _LOOK)
        return _json({"id": request_id}, status=202)

    def _serve_pin(self, request: HTTPRequest, request_id: str) -> HTTPResponse:
        """Keep an invocation; ``{"pinned": false}``: no longer."""
        is_pinned = read_action(request).get("pinned") is not False
        if not self._history.pin(self._find(request_id), is_pinned=is_pinned):
            raise Conflict("pinned-enough")
        return _json({})

    def _serve_clear(self, request: HTTPRequest) -> HTTPResponse:
        read_action(request)
        self._history.clear()
        return _json({})

    def _serve_end(self, request: HTTPRequest, instance_id: str) -> HTTPResponse:
        """End an instance, once its request is done; ``{"now": true}``: at once."""
        fields = read_action(request)
        if not self._pool.end(instance_id, now=fields.get("now") is True):
            raise Conflict("gone")
        return _json({})

    def _find(self, request_id: str) -> Entry:
        entry = self._history.find(request_id)
        if entry is None:
            raise NotFound("gone")
        return entry


def _reveals(request: HTTPRequest) -> bool:
    """Whether the page asks for the secrets that the client and the app sent."""
    return request.args.get("reveal") == "1"


def _json(document: Any, *, status: int | None = 200) -> HTTPResponse:
    return HTTPResponse(json.dumps(document), status=status, mimetype="application/json")


def _text(text: str) -> HTTPResponse:
    return HTTPResponse(text.encode("utf-8", "backslashreplace"), mimetype="text/plain")
