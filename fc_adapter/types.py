"""The shapes of events and results, for type checkers and for reading. A deployed function never imports this module.

Source: "HTTP trigger" of Function Compute 3.0, with what was seen in recorded events.
"""

from __future__ import annotations

from typing import TypedDict


class HTTPContext(TypedDict):
    """``requestContext.http``: the request line, and who sent it."""

    method: str
    path: str  # decoded
    protocol: str  # "HTTP/1.1"
    sourceIp: str
    userAgent: str


class RequestContext(TypedDict):
    """``requestContext``: what the platform knows of a request."""

    accountId: str
    domainName: str
    domainPrefix: str
    http: HTTPContext
    requestId: str
    time: str  # "2026-11-22T08:00:00Z"
    timeEpoch: str  # milliseconds since 1970, in digits


class HTTPEvent(TypedDict):
    """What the HTTP trigger calls a handler with, after JSON.

    Repeated names in ``headers`` and ``queryParameters`` are joined with ``,``; ``body`` is Base64 if
    ``isBase64Encoded`` says so.
    """

    version: str  # "v1"
    rawPath: str  # as the client sent it, with its escapes
    headers: dict[str, str]
    queryParameters: dict[str, str]
    body: str
    isBase64Encoded: bool
    requestContext: RequestContext


class HTTPResult(TypedDict):
    """What a handler returns to the platform. ``headers`` has one value for each name; ``body`` is as in an event."""

    statusCode: int
    headers: dict[str, str]
    isBase64Encoded: bool
    body: str
