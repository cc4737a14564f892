"""The reasons that the runner gives, as keys that the page has a sentence for in each of its languages.

They are why a request or a result is refused, why a function is stopped, and why an instance ends.
"""

from __future__ import annotations

import re
from typing import Any

_PLACES = {"path with query": "target", "request headers": "headers", "request body": "body"}

# What `runner` and `contract` say, by the key of the page's sentence.
_REASONS = {
    "too-large": r"(?P<place>path with query|request headers|request body): (?:more than )?(?P<size>\d+) bytes, "
    r"(?:the limit is (?P<limit>\d+)|the limit)",
    "headers-too-large": r"request headers: the limit is (?P<limit>\d+) bytes",
    "method": r"the trigger allows (?P<allowed>.*), not (?P<method>.*)",
    "tls": r"the client speaks TLS, and this port plain HTTP: .*",
    "http2": r"the client speaks HTTP/2 from the start, and this server HTTP/1\.1: .*",
    "uri": r"(?:Request-)?URI Too Long",  # by http.server, like the next one; the words depend on Python's version
    "many-headers": r"Too many headers",
    "request-line": r"the request line is malformed",
    "header-line": r"a line of the request's headers is malformed",
    "target": r"the request's target must be a path or an http URL",
    "target-host": r"the request's target is a URL without a host",
    "encoding": r"Transfer-Encoding must be 'chunked', without a Content-Length",
    "length": r"Content-Length must be one number",
    "hosts": r"there must be one Host, got (?P<count>\d+)",
    "host": r"(?P<place>Host|the host of the target) must be a name or address, and a port up to 65535 if any, "
    r"got (?P<host>.*)",
    "ended-early": r"the request body ended early",
    "chunk-size": r"a chunk of the request body has no valid size",
    "chunk-length": r"a chunk of the request body is longer or shorter than it says",
    "trailers": r"the trailers of the request body are malformed",
    "response-headers": r"response headers: (?P<size>\d+) bytes, the limit is (?P<limit>\d+)",
    "status": r"statusCode must be an integer from 100 to 999",
    "result-headers": r"headers must be an object whose values are strings",
    "result-base64": r"isBase64Encoded must be a boolean",
    "timeout": r"Function timed out after (?P<seconds>[\d.]+) seconds",
    "memory": r"Function has run out of memory: it is configured with (?P<limit>\d+) MB",
    "exited-status": r"Process exited unexpectedly before completing request \(exit status (?P<status>\d+)\)",
    "exited-signal": r"Process exited unexpectedly before completing request \(signal (?P<signal>\w+)\)",
    "exited-threads": r"Process exited unexpectedly before completing request \(its threads run on\)",
    "exited": r"Process exited unexpectedly before completing request \((?P<how>.*)\)",
    "pipe": r"The function wrote to the pipe of its runtime, so there is no telling what its result is",
    "start": r"No instance could be started: (?P<error>.*)",
    "runner-stopped": r"The runner has been stopped",
    "runner-stopped-meanwhile": r"The runner was stopped while the function ran",
    "client-left": r"The client left before its turn came",
    "not-final": r"status (?P<status>.*) is not a final one",
    "runner-error": r"an error of the runner; its terminal has more",
}


def find_reason(text: str) -> dict[str, Any]:
    """``{"key": ..., "values": ...}`` of a reason, or ``{}`` for one that is in nobody's list, such as an app's own."""
    for key, pattern in _REASONS.items():
        match = re.fullmatch(pattern, text, re.DOTALL)
        if match is not None:
            values = {name: value for name, value in match.groupdict().items() if value is not None}
            if values.get("place") in _PLACES:
                key = f"{key}.{_PLACES[values.pop('place')]}"
            return {"key": key, "values": values}
    return {}
