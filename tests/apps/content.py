"""What every app under test serves, and how each reports what it got."""

from __future__ import annotations

import gzip
import hashlib
from array import array
from datetime import datetime, timezone

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]
EVERY_BYTE = bytes(range(256))
GBK_PAGE = "<p>你好，世界</p>".encode("gbk")
COMPRESSED = gzip.compress("压缩 compressed ".encode() * 100, mtime=0)
CHUNKS = [b"one ", "二 ".encode(), b"", b"three"]
# No part of it repeats, and it is not a whole number of Base64's groups.
LARGE = array("I", range(5 * 1024 * 1024 // 4)).tobytes() + b"!"
EXPIRES = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
ETAG = "v1-你好".encode().hex()
LONG_HEADERS = {f"X-Long-{number}": str(number) * 1000 for number in range(6)}

TEXT = ("Content-Type", "text/plain; charset=utf-8")

# What apps without a framework answer where frameworks have means of their own: status, headers and body, as WSGI has
# them, by path.
PLAIN_REPLIES = {
    "/redirect/relative": ("302 Found", [("Location", "/echo?next=1&to=%2F")], []),
    "/redirect/absolute": ("307 Temporary Redirect", [("Location", "http://other.example:8080/a?b=c")], []),
    "/cookies": (
        "200 OK",
        [
            TEXT,
            ("Set-Cookie", "first=1; Expires=Tue, 01 Jan 2030 12:00:00 GMT; HttpOnly"),
            ("Set-Cookie", 'second="a, b; c"; Path=/items; Secure'),
            ("Set-Cookie", "third=; Max-Age=0"),
        ],
        [b"three cookies"],
    ),
    "/headers": (
        "200 OK",
        [TEXT, ("X-Many", "one"), ("X-Many", "two, three"), ("X-Text", "你好".encode().decode("latin-1"))],
        [b"many headers"],
    ),
    "/long-headers": ("200 OK", [TEXT, *LONG_HEADERS.items()], [b"long headers"]),
    "/no-content": ("204 No Content", [], []),
    "/missing": ("404 Not Found", [TEXT], ["没有".encode()]),
    "/bytes": ("200 OK", [("Content-Type", "image/png")], [EVERY_BYTE]),
    "/gbk": ("200 OK", [("Content-Type", "text/html; charset=gbk")], [GBK_PAGE]),
    "/compressed": ("200 OK", [TEXT, ("Content-Encoding", "gzip")], [COMPRESSED]),
    "/empty": ("200 OK", [TEXT, ("Content-Length", "0")], []),
    "/stream": ("200 OK", [TEXT], CHUNKS),
    "/large": ("200 OK", [("Content-Type", "video/mp4"), ("Content-Length", str(len(LARGE)))], [LARGE]),
    "/download": (
        "200 OK",
        [
            ("Content-Type", "application/zip"),
            ("Content-Disposition", "attachment; filename*=UTF-8''%E6%96%87%E4%BB%B6.zip"),
        ],
        [EVERY_BYTE],
    ),
    "/json": ("200 OK", [("Content-Type", "application/json")], ['{"你": "好\\u0000 𝄞"}'.encode()]),
    "/untyped": ("200 OK", [], [b"no type"]),
    "/untyped-empty": ("200 OK", [], []),
}

# Responses that frameworks do not let through.
ODD_REPLIES = {
    "/repeats": (
        "200 OK",
        [
            TEXT,
            *(("Set-Cookie", f"c{number}=a, b; Path=/{number}") for number in range(20)),
            ("set-cookie", "lower=1"),
            ("SET-COOKIE", "upper=1"),
            ("Set-Cookie", "c1=again"),
            ("Link", "</a>"),
            ("LINK", "</b>"),
            ("Www-Authenticate", 'Basic realm="a, b"'),
            ("Www-Authenticate", "Bearer"),
            ("Vary", "Cookie"),
            ("vary", "Accept"),
            ("X-Same", "1"),
            ("X-Same", "1"),
        ],
        [b"repeats"],
    ),
    "/odd-values": (
        "200 OK",
        [
            TEXT,
            ("X-Empty", ""),
            ("X-Inner", "a  b\tc"),
            ("X-Quotes", '"\\" \''),
            ("X-Utf8", "你好\x85 é 𝄞".encode().decode("latin-1")),
            ("!#$%&'*+-.^_`|~0", "odd name"),
        ],
        [b"odd values"],
    ),
    "/latin1": ("200 OK", [TEXT, ("X-Latin1", "caf\xe9")], [b"latin1"]),
    "/reserved": (
        "200 OK",
        [TEXT, ("Content-Disposition", "attachment"), ("X-Fc-Custom", "1"), ("Proxy-Authenticate", "Basic")],
        [b"reserved"],
    ),
    "/bad-text": ("200 OK", [TEXT], [b"\xff\xfe", EVERY_BYTE]),
    "/bad-json": ("200 OK", [("Content-Type", "application/problem+json")], [b'{"a": "\xe9"}']),
    "/text-type": ("200 OK", [("content-TYPE", "TEXT/HTML ; charset=x")], ["\ufeff\0\r\n\u2028".encode()]),
    "/status": ("299 Odd Status", [TEXT], [b"odd status"]),
    "/bare-status": ("404 ", [TEXT], [b"no reason"]),
    "/reset": ("205 Reset Content", [TEXT, ("Content-Length", "0")], []),
    "/not-modified": ("304 Not Modified", [("ETag", '"1"')], []),
}


def split(body: bytes) -> list[bytes]:
    """``body`` in pieces, as a response that is streamed has it."""
    return [body[start : start + 100_000] for start in range(0, len(body), 100_000)]


def digest(body: bytes) -> str:
    """The length of ``body`` and its SHA-256."""
    return f"{len(body)} bytes, {hashlib.sha256(body).hexdigest()}"
