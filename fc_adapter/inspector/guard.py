"""Who may ask the inspector for what: this machine's own addresses, the page's own origin, those who know the token."""

from __future__ import annotations

import hmac
import json
from typing import Any
from urllib.parse import urlsplit

from werkzeug.exceptions import BadRequest, Forbidden, Unauthorized
from werkzeug.wrappers import Request as HTTPRequest

RESPONSE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_HOSTS = {"127.0.0.1", "localhost", "::1"}
_NEEDS_TOKEN = (
    "the inspector needs its token: open the address that fc-adapter serve has printed, which ends with ?token=..., "
    "or send the header Authorization: Bearer and the token"
)
_OWN_HEADER = "X-Fc-Adapter-Inspector"  # Another origin's page cannot send it without being allowed to first.


class Guard:
    """Knows the token. Its methods raise werkzeug's HTTP exceptions."""

    def __init__(self, token: str) -> None:
        self._token = token

    def is_token(self, text: str) -> bool:
        """Whether ``text`` is the token."""
        return hmac.compare_digest(text.encode("utf-8", "surrogatepass"), self._token.encode("ascii"))

    def check_token(self, request: HTTPRequest) -> None:
        """Refuse who does not have the token: in the page's cookie, or in a script's Authorization."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() in ("bearer", "token") and self.is_token(token.strip()):
            return
        if not self.is_token(request.cookies.get(cookie_name(request), "")):
            raise Unauthorized(_NEEDS_TOKEN)


def check_origin(request: HTTPRequest) -> None:
    """Refuse who is not this page, or a person who asks for it by an address of this machine."""
    host = request.headers.get("Host", "")
    if _host_name(host) not in _HOSTS:
        raise Forbidden(f"the inspector is served on this machine's own addresses only, not as {host[:80]!r}")
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{host}":
        raise Forbidden("the inspector answers no other origin's pages")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    is_visit = request.path == "/" and request.headers.get("Sec-Fetch-Mode") == "navigate"
    if site not in ("same-origin", "none") and not is_visit:
        raise Forbidden("the inspector answers no other origin's pages")


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def read_action(request: HTTPRequest) -> dict[str, Any]:
    """What the page's own script wants to be done. Refuses what does not come from it or is not a JSON object."""
    if request.headers.get(_OWN_HEADER) != "1" or request.mimetype != "application/json":
        raise Forbidden(f"actions need JSON and the header {_OWN_HEADER}: 1")
    try:
        fields = json.loads(request.get_data())
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise BadRequest("actions need a JSON object")
    return fields


def cookie_name(request: HTTPRequest) -> str:
    """The name of the page's cookie: cookies know no ports, and several inspectors can run side by side."""
    return f"fc-adapter-inspector-{urlsplit('//' + request.host).port or 80}"
