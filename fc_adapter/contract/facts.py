"""What is unknown or inferred of the platform and may turn out otherwise, as data that ``Trigger`` plays.

``fc-adapter probe`` finds these out, and ``fc-adapter serve --platform`` plays the gateway as a report saw it. What the
adapter does about them is switched in ``rules``: ``COOKIES`` and ``QUERY_VALUES``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import ConfigError, shorten
from ..messages import Request, Response
from .rules import DEFAULT_CONTENT_TYPE


class Facts(NamedTuple):
    """How the platform behaves where nobody has written it down; the defaults are what the runner plays.

    - ``several_cookies``: of headers whose names differ in letter case, ``"each"`` is sent, or the last ``"one"``.
    - ``header_lists``: a list as a header's value is ``"refused"``, or sent as a header for ``"each"`` element.
    - ``content_type_case``: ``content-type`` is found in ``"any"`` letter case, or ``"exact"`` as ``Content-Type``.
    - ``query_values``: the values in ``queryParameters`` are ``"decoded"``, or ``"raw"``, as the client has sent them.
    - ``custom_disposition``: on a custom domain, the function's ``Content-Disposition`` is ``"kept"`` or ``"dropped"``.
    - ``host``: in an event, ``Host`` stands ``"once"`` or ``"twice"``.
    """

    several_cookies: str = "each"
    header_lists: str = "refused"
    content_type_case: str = "any"
    query_values: str = "decoded"
    custom_disposition: str = "kept"
    host: str = "once"

    def change_event(self, event: dict[str, Any], request: Request) -> dict[str, Any]:
        """The event that this platform makes where the default one makes ``event``."""
        if self.query_values == "raw":
            event = {**event, "queryParameters": _raw_parameters(request.query_string)}
        if self.host == "twice":
            headers = event["headers"]
            event = {**event, "headers": {**headers, "Host": ",".join([headers.get("Host", "")] * 2)}}
        return event

    def change_response(self, response: Response, *, custom_domain: bool) -> Response:
        """The response that this platform makes of a result where the default one makes ``response``."""
        headers = list(response.headers)
        if self.several_cookies == "one":
            spelling = {name.lower(): name for name, _ in headers}
            headers = [header for header in headers if spelling[header[0].lower()] == header[0]]
        if self.content_type_case == "exact":
            headers = [header for header in headers if header[0].lower() != "content-type" or header[0] in _EXACT]
            if not any(name in _EXACT for name, _ in headers):
                headers.append(("Content-Type", DEFAULT_CONTENT_TYPE))
        if self.custom_disposition == "dropped" and custom_domain:
            headers = [header for header in headers if header[0].lower() != "content-disposition"]
        return response._replace(headers=tuple(headers))


DEFAULT_FACTS = Facts()

_EXACT = ("Content-Type",)

CHOICES = {
    "several_cookies": ("each", "one"),
    "header_lists": ("refused", "each"),
    "content_type_case": ("any", "exact"),
    "query_values": ("decoded", "raw"),
    "custom_disposition": ("kept", "dropped"),
    "host": ("once", "twice"),
}


def read_facts(fields: object) -> Facts:
    """The facts that ``fields``, an object from JSON, states; the others are the defaults.

    Raises ConfigError, which names the fact and its choices.
    """
    if not isinstance(fields, dict):
        raise ConfigError(f"the platform's facts must be an object, got {shorten(fields)}")
    for name, value in fields.items():
        if name not in CHOICES:
            raise ConfigError(f"the platform has no fact {shorten(name)}; the facts are {', '.join(CHOICES)}")
        if value not in CHOICES[name]:
            raise ConfigError(f"{name} must be {' or '.join(map(repr, CHOICES[name]))}, got {shorten(value)}")
    return Facts(**fields)


def _raw_parameters(query_string: str) -> dict[str, str]:
    parameters: dict[str, list[str]] = {}
    for part in filter(None, query_string.split("&")):
        name, _, value = part.partition("=")
        parameters.setdefault(name, []).append(value)
    return {name: ",".join(values) for name, values in parameters.items()}
