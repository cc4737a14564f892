"""Changes to JSON that leave it JSON, for the fuzzer: bytes changed at random are JSON no more."""

from __future__ import annotations

import json
from random import Random

FIELDS = [
    *("version", "rawPath", "headers", "queryParameters", "body", "isBase64Encoded", "requestContext", "statusCode"),
    *("http", "method", "path", "protocol", "sourceIp", "domainName", "requestId", "httpMethod"),
    *("Host", "host", "Content-Type", "Content-Length", "Transfer-Encoding", "X-Forwarded-Proto", "Set-Cookie"),
    *("set-cookie", "Content-Disposition", "X-Fc-A", "Connection", "A b", ""),
]
VALUES = [
    *(None, True, False, 0, 200, 204, 99, 1000, 200.0, 1e400, float("nan"), 10**30, [], {}, [[]], {"": ""}),
    *("", "/", "GET", "HTTP/1.1", "http", "true", "False", "1.2.3.4", "h,h", "h:80", "[::1]:9", "%", "%2F", "a?b#c d"),
    *("YWI=", "Y W\nI=", "YWI", "=", "text/html; charset=gbk", "application/json", "a\r\nb", "\0", "\ud800", "\udfff"),
    *("\u00e9", "\u4f60\u597d", "\U0001f600", "\u2028", "a,b", ",", "a=1; b", "\u212a", "x" * 100),
]


def mutate(data, max_size, seed):
    """``data`` (bytes of JSON) with one to four changes, or None when it is no JSON or would be longer than allowed."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    random = Random(seed)
    for _ in range(random.randint(1, 4)):
        value = _change(value, random)
    changed = json.dumps(value, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    return changed if len(changed) <= max_size else None


def _change(value, random):
    """``value`` with one place in it replaced, removed, added or renamed."""
    if isinstance(value, dict) and random.random() < 0.9:
        key = random.choice([*value, *FIELDS] if random.random() < 0.3 else list(value) or FIELDS)
        kind = random.random()
        if kind < 0.6 and key in value:
            return {**value, key: _change(value[key], random)}
        if kind < 0.75:
            return {name: inner for name, inner in value.items() if name != key}
        if kind < 0.85:
            return {(random.choice(FIELDS) if name == key else name): inner for name, inner in value.items()}
        return {**value, key: random.choice(VALUES)}
    if isinstance(value, list) and value and random.random() < 0.9:
        at = random.randrange(len(value))
        return [*value[:at], _change(value[at], random), *value[at + random.randrange(2) :]]
    if isinstance(value, str) and random.random() < 0.5:
        at = random.randint(0, len(value))
        part = random.choice([choice for choice in VALUES if isinstance(choice, str)] + [chr(random.randrange(0x300))])
        return value[:at] + part + value[at + random.randrange(3) :]
    return random.choice(VALUES)
