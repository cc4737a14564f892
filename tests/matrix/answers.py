"""What an answer must be for a scenario to have shown what it is there for; and which apps cannot give it, and why.

The answers themselves come from the real servers. Without this, two apps that know no route would agree on 404.
"""

from __future__ import annotations

from typing import NamedTuple

from ..apps.content import CHUNKS, COMPRESSED, EVERY_BYTE, GBK_PAGE, LARGE, digest
from .scenarios import ANSWERED, ECHOED, MOUNTED, get_and_head, multipart

REDIRECTS = (301, 302, 303, 307, 308)

# The statuses with which an app does what a request is there for. Where a name is missing, frameworks may differ.
STATUSES = {
    **{name: (200,) for name, request in ECHOED.items() if request.target.partition("?")[0] == "/echo"},
    **{
        f"path {path}": (200,)
        for path in (
            "/",
            "/items/%E4%BD%A0%E5%A5%BD",
            "/items/a%2Fb",
            "/items/a%2Bb",
            "/items/a+b",
            "/items/100%25",
            "/items/%252F",
            "/items/a%20b",
            "/items/a/",
            "/folder/",
            "/leaf",
            "/numbers/42",
        )
    },
    **dict.fromkeys(ANSWERED, (200,)),
    **dict.fromkeys((name for name in ANSWERED if "redirect" in name), REDIRECTS),
    **dict.fromkeys(get_and_head("/no-content"), (204,)),
    **dict.fromkeys(get_and_head("/error"), (500,)),
    **dict.fromkeys(get_and_head("/missing"), (404,)),
    **dict.fromkeys(("etag that matches", "etag that matches, HEAD"), (304,)),
    "method not allowed": (405,),
    "OPTIONS of a route": (200, 204, 405),
    "etag precondition failed": (200, 405, 412),
    "range": (206,),
    "range beyond the end": (416,),
    "mounted /api/": (200,),
    "mounted /api/echo?a=1": (200,),
    "mounted /api/items/a%2Fb%2520/": (200,),
    "mounted /api/items/%E4%BD%A0": (200,),
    "mounted /api/missing": (404,),
    "mounted /api/redirect/built": REDIRECTS,
    "mounted /api/redirect/relative": REDIRECTS,
}


class Gap(NamedTuple):
    """What some ``apps`` do not do, and why: their answer to these ``requests`` has one of ``statuses``."""

    reason: str
    apps: tuple[str, ...]
    requests: tuple[str, ...]
    statuses: tuple[int, ...]


FALCON = ("falcon_wsgi", "falcon_asgi")
NOT_UTF8 = ("query a=%ff", "query a=%C4%E3")

GAPS = [
    Gap(
        "FastAPI's routes answer the methods that they name",
        ("fastapi_asgi",),
        (
            *(name for name in ANSWERED if name.startswith("HEAD ") and name != "HEAD /missing"),
            "etag that matches, HEAD",
        ),
        (405,),
    ),
    Gap(
        "these name a type for every response",
        ("bottle_wsgi", *FALCON, "litestar_asgi"),
        tuple(get_and_head("/untyped", "/untyped-empty")),
        (404,),
    ),
    Gap("a raw app asks for no method", ("raw_wsgi", "raw_asgi"), ("method not allowed",), (200,)),
    Gap(
        "Pyramid finds no view for a method that none takes",
        ("pyramid_wsgi",),
        ("method not allowed", "OPTIONS of a route"),
        (404,),
    ),
    Gap(
        "these send a body that is in memory, or a file, as a whole",
        ("raw_wsgi", "raw_asgi", "bottle_wsgi", "django_wsgi", "django_asgi", *FALCON, "litestar_asgi"),
        ("range", "range beyond the end"),
        (200,),
    ),
    Gap(
        "Falcon's ASGI apps route by the whole path, of which root_path is a part",
        ("falcon_asgi",),
        tuple(name for name in MOUNTED if name in STATUSES),
        (404,),
    ),
    Gap(
        "Bottle and Pyramid raise an error of a query that is not UTF-8",
        ("bottle_wsgi", "pyramid_wsgi"),
        NOT_UTF8,
        (500,),
    ),
    Gap("Bottle raises an error of a form that is not UTF-8", ("bottle_wsgi",), ("body of a form, GBK",), (500,)),
    Gap(
        "Falcon refuses a form that is not ASCII", FALCON, ("body of a form, GBK", "body of a form, raw UTF-8"), (400,)
    ),
    Gap("Bottle decodes the chunks that the server has decoded", ("bottle_wsgi",), ("body in chunks",), (400,)),
    Gap(
        "Quart raises an error of JSON that is not UTF-8",
        ("quart_asgi",),
        ("body of JSON, invalid UTF-8", "body of JSON, compressed"),
        (500,),
    ),
    Gap(
        "Older versions of Quart refuse a form that is not UTF-8", ("quart_asgi",), ("body of a form, GBK",), (200, 413)
    ),
    Gap("Django refuses a host name with an underscore", ("django_wsgi", "django_asgi"), ("Host is invalid",), (400,)),
]


def statuses(app, name):
    """Those that ``app`` may have in its answer to a request behind the real server."""
    for gap in GAPS:
        if app in gap.apps and name in gap.requests:
            return gap.statuses
    return STATUSES.get(name, range(100, 1000))


# What a GET of each path gives, whatever the framework.
CONTENTS = {
    "/bytes": EVERY_BYTE,
    "/compressed": COMPRESSED,
    "/cookies": b"three cookies",
    "/download": EVERY_BYTE,
    "/empty": b"",
    "/etag": b"cached",
    "/gbk": GBK_PAGE,
    "/headers": b"many headers",
    "/large": LARGE,
    "/long-headers": b"long headers",
    "/no-content": b"",
    "/stream": b"".join(CHUNKS),
}

# A request with all that a client can send, and what every framework's app sees of it, with split_query=["tag"].
SENT = multipart(
    ('name="标题"', None, "你好"),
    ('name="choice"', None, "a"),
    ('name="choice"', None, "b,c"),
    ('name="files"; filename="说明.txt"', "text/plain", "内容"),
    ('name="files"; filename="b.bin"', "application/octet-stream", EVERY_BYTE),
    ('name="large"; filename="large"', "application/zip", LARGE),
)
SENT = SENT._replace(
    target="/items/%E4%BD%A0%E5%A5%BD?tag=a&tag=b&%E9%94%AE=%E5%80%BC,2",
    headers=(*SENT.headers, ("Cookie", b"theme=dark; size=L")),
)
SEEN = {
    "args": {"tag": ["a", "b"], "键": ["值,2"]},
    "cookies": {"theme": "dark", "size": "L"},
    "files": {
        "files": [
            ["说明.txt", "text/plain", digest("内容".encode())],
            ["b.bin", "application/octet-stream", digest(EVERY_BYTE)],
        ],
        "large": [["large", "application/zip", digest(LARGE)]],
    },
    "form": {"标题": ["你好"], "choice": ["a", "b,c"]},
    "method": "POST",
}
