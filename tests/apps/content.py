"""What every app under test serves, and how each reports what it got."""

from __future__ import annotations

import gzip
import hashlib
from datetime import datetime, timezone

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]
EVERY_BYTE = bytes(range(256))
GBK_PAGE = "<p>你好，世界</p>".encode("gbk")
COMPRESSED = gzip.compress("压缩 compressed ".encode() * 100, mtime=0)
CHUNKS = [b"one ", "二 ".encode(), b"", b"three"]
# No part of it repeats, and it is not a whole number of Base64's groups.
LARGE = b"".join(number.to_bytes(4, "big") for number in range(5 * 1024 * 1024 // 4)) + b"!"
EXPIRES = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
ETAG = "v1-你好".encode().hex()


def digest(body: bytes) -> str:
    """The length of ``body`` and its SHA-256."""
    return f"{len(body)} bytes, {hashlib.sha256(body).hexdigest()}"
