"""What only some apps are asked, beside the scenarios: what they alone can do."""

from __future__ import annotations

from ..apps.content import EVERY_BYTE, LARGE, ODD_REPLIES
from .exchange import http
from .scenarios import get_and_head, multipart, post

ODD = get_and_head(*ODD_REPLIES)

RAW_WSGI = {
    **ODD,
    **get_and_head(
        "/late-start",
        "/write",
        "/replaced",
        "/wrapped-file",
        "/blanks",
        "/sequence",
        "/body-of-no-content",
        "/length-too-small",
    ),
    "input in lines": http("POST", "/lines", body=b"abcdef\nghi\r\n\njkl\nmno\n\xff"),
    "input in lines, empty": http("POST", "/lines", body=b""),
    "input in lines, none": http("GET", "/lines"),
}

REFLECTED = {
    "reflect 10 MB": post("application/octet-stream", LARGE + LARGE, target="/reflect"),
    "reflect text": post("text/plain", "反射".encode(), target="/reflect"),
    "reflect nothing": post("text/plain", b"", target="/reflect"),
}

RAW_ASGI = {
    **ODD,
    **get_and_head(
        "/chunks",
        "/body-of-no-content",
        "/one-message",
        "/no-headers",
        "/empty-last",
        "/error-after-all",
        "/cancelled",
        "/silent",
        "/wrong-first",
        "/more-after-all",
        "/start-after-all",
    ),
    "body that nobody reads": http("POST", "/one-message", body=b"unread"),
}

# Uvicorn has sent a part of these when it finds the fault, and breaks the connection off.
BROKEN = [
    "/error-at-start",
    "/error-halfway",
    "/unfinished",
    "/only-started",
    "/started-twice",
    "/unknown-message",
    "/length-too-small",
    "/length-too-large",
    "/line-break",
]

BROWSER = (("Accept", "text/html"), ("Accept-Encoding", "gzip, br"), ("Origin", "https://friend.example"))
UPLOADS = multipart(
    ('name="note"', None, "说明"),
    ('name="files"; filename="你好.txt"', "text/plain; charset=utf-8", "内容"),
    ('name="files"; filename="b.bin"', "application/octet-stream", EVERY_BYTE),
    ('name="files"; filename="c.bin"', None, LARGE),
    ('name="files"; filename=""', "application/octet-stream", ""),
    ('name="raw"; filename="raw"', "image/png", EVERY_BYTE[::-1]),
)

# Where the Starlette app has all of its routes again, below something.
PREFIXES = ("/sub", "/app", "/debug", "/cors", "/gzip", "/two", "/sessions", "/all", "/trusted", "/https")

STARLETTE = {
    **get_and_head("/events", "/stream-from-thread", "/teapot", "/things", "/worked"),
    **{
        f"{prefix}{path}": http("GET", f"{prefix}{path}", *BROWSER)
        for prefix in PREFIXES
        for path in (
            "",
            "/echo?a=1&b=%E4%BD%A0",
            "/items/%E4%BD%A0%2F",
            "/redirect/built",
            "/cookies",
            "/headers",
            "/no-content",
            "/etag",
            "/error",
            "/missing/%E4%BD%A0",
            "/stream",
            "/stream-from-thread",
            "/events",
            "/compressed",
            "/download",
            "/gbk",
            "/folder",
            "/teapot",
        )
    },
    **{
        f"{request.method} {request.target}": request
        for prefix in ("/two", "/all")
        for request in (
            http("HEAD", f"{prefix}/large"),
            http("GET", f"{prefix}/stream"),
            http("GET", f"{prefix}/echo?refuse=1"),
            http("GET", f"{prefix}/echo?late-error=1"),
            UPLOADS._replace(target=f"{prefix}/echo"),
            REFLECTED["reflect text"]._replace(target=f"{prefix}/reflect"),
        )
    },
    "/gzip, not asked for": http("GET", "/gzip/headers"),
    "/gzip, large": post("text/css", b"0123456789" * 40_000, *BROWSER, target="/gzip/reflect"),
    "/gzip, HEAD": http("HEAD", "/gzip/gbk", *BROWSER),
    "/gzip, range": http("GET", "/gzip/download", *BROWSER, ("Range", "bytes=0-9")),
    "/https, http": http("GET", "/https/echo?a=%E4%BD%A0", scheme="http"),
    "/https, http, port": http("GET", "/https/echo", scheme="http", host="example.com:8080"),
    "/trusted, other host": http("GET", "/trusted/echo", host="a.example"),
    "/sessions, forged": http("GET", "/sessions/visit", ("Cookie", "session=eyJhIjogMX0=.aaaaaa.bbbb")),
    "/flask": http("GET", "/flask/items/%E4%BD%A0%2F?a=1&b=%E5%A5%BD"),
    "/flask, POST": UPLOADS._replace(target="/flask/echo"),
    "/flask, cookies": http("GET", "/flask/cookies"),
    "/flask, error": http("GET", "/flask/error"),
    "/flask, stream": http("GET", "/flask/stream"),
    "/flask, large": http("HEAD", "/flask/large"),
    "/flask, redirect": http("GET", "/flask/redirect/built"),
    "/wsgi": http("GET", "/wsgi/items/a%2Fb?a=1&b=%E5%A5%BD", ("Cookie", "a=1")),
    "/wsgi, POST": post("application/octet-stream", EVERY_BYTE, target="/wsgi/lines"),
    "/wsgi, replaced": http("GET", "/wsgi/replaced"),
    "/wsgi, repeats": http("GET", "/wsgi/repeats"),
    "host route": http("GET", "/items/a", host="sub.example"),
    "things": post("application/json", '{"你": [1]}'.encode(), target="/things"),
    "things, no JSON": post("application/json", b"{", target="/things"),
    "things, method": http("DELETE", "/things"),
    "CORS, preflight": http(
        "OPTIONS",
        "/cors/echo",
        ("Origin", "https://friend.example"),
        ("Access-Control-Request-Method", "PUT"),
        ("Access-Control-Request-Headers", "X-Custom, Content-Type"),
    ),
    "CORS, preflight refused": http(
        "OPTIONS",
        "/cors/echo",
        ("Origin", "https://enemy.example"),
        ("Access-Control-Request-Method", "DELETE"),
        ("Access-Control-Request-Headers", "X-Other"),
    ),
    "CORS, other origin": http("GET", "/cors/headers", ("Origin", "https://enemy.example")),
    "CORS, cookie": http("GET", "/cors/cookies", ("Origin", "https://friend.example"), ("Cookie", "a=1")),
    "CORS, no origin": http("GET", "/cors/echo"),
    "CORS, OPTIONS alone": http("OPTIONS", "/cors/echo"),
}

FILES = {
    **get_and_head(
        "/files/hello.txt",
        "/files/empty.txt",
        "/files/long.js",
        "/files/every%20byte.bin",
        "/files/%E4%BD%A0%E5%A5%BD.html",
        "/files/",
        "/files",
        "/files/missing",
        "/files/..%2Fsecret",
        "/files/%00",
        "/files/%FF",
        "/files/hello.txt/",
        "/files/folder",
    ),
    "file, POST": http("POST", "/files/hello.txt", body=b""),
    "file, not modified": http("GET", "/files/hello.txt", ("If-Modified-Since", "Sun, 13 Sep 2020 12:26:40 GMT")),
    "file, modified": http("GET", "/files/hello.txt", ("If-Modified-Since", "Sun, 13 Sep 2020 12:26:39 GMT")),
    "file, other etag": http("GET", "/files/hello.txt", ("If-None-Match", '"other"')),
    **{
        f"file, {ranges}": http("GET", "/files/long.js", ("Range", ranges))
        for ranges in (
            "bytes=0-0",
            "bytes=5-70000",
            "bytes=-10",
            "bytes=199990-",
            "bytes=199990-300000",
            "bytes=200000-",
            "bytes=9-5",
            "bytes=0-4,3-14",
            "bytes=",
            "bytes=a-b",
            "lines=1-2",
        )
    },
    "file, range by HEAD": http("HEAD", "/files/long.js", ("Range", "bytes=0-9")),
    "file, range if unchanged": http("GET", "/files/long.js", ("Range", "bytes=0-9"), ("If-Range", '"other"')),
    **{
        f"site {path}": http("GET", f"/site{path}")
        for path in ("", "/", "/folder", "/folder/", "/missing", "/%E4%BD%A0%E5%A5%BD.html")
    },
}


def as_json(target, body):
    return post("application/json", body.encode(), target=target)


FASTAPI = {
    **get_and_head(
        "/events",
        "/stream-from-thread",
        "/teapot",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/not-there",
        "/forbidden",
        "/login",
        "/v1/echo",
        "/sub/docs",
        "/sub/openapi.json",
        "/sub/echo",
        "/sub/missing",
        "/sub/items/%E4%BD%A0%2F",
        "/sub/redirect/built",
        "/files/%E4%BD%A0%E5%A5%BD.html",
    ),
    "/sub/echo, compressed": http("GET", "/sub/echo", *BROWSER),
    "login": http("GET", "/login", ("Authorization", "Basic dTpw")),
    "login, UTF-8": http("GET", "/login", ("Authorization", "Basic dTrkvaDlpb0=")),
    "login, broken": http("GET", "/login", ("Authorization", "Basic %%%")),
    "search": http(
        "GET",
        "/search?q=%E4%BD%A0&tag=a&tag=b&%E4%B8%8A%E9%99%90=3&exact=yes",
        ("User-Agent", "é"),
        ("Cookie", "theme=dark; other=1"),
    ),
    "search, nothing": http("GET", "/search"),
    "search, wrong": http("GET", "/search?q=&tag=1&tag=2&tag=3&%E4%B8%8A%E9%99%90=11&exact=%E4%BD%A0"),
    "validated": as_json("/validated", '{"name": "名字", "price": 1.5, "tags": ["a,b"], "parent": {"键": 1}}'),
    "validated, defaults": as_json("/validated", '{"name": "n", "price": 1, "more": null}'),
    "validated, wrong": as_json("/validated", '{"name": "", "price": "高", "tags": [1], "parent": {"键": "值"}}'),
    "validated, empty": as_json("/validated", ""),
    "validated, no JSON": as_json("/validated", '{"name": '),
    "validated, no object": as_json("/validated", "[]"),
    "validated, no type": http("POST", "/validated", body=b'{"name": "n", "price": 1}'),
    "form": post("application/x-www-form-urlencoded", b"name=%E4%BD%A0&number=1&number=2", target="/form"),
    "form, wrong": post("application/x-www-form-urlencoded", b"number=x", target="/form"),
    "form, as JSON": as_json("/form", '{"name": "n"}'),
    "upload": UPLOADS._replace(target="/upload"),
    "upload, one": multipart(('name="files"; filename="a"', "text/plain", "a"))._replace(target="/upload"),
    "upload, none": multipart(('name="note"', None, "x"))._replace(target="/upload"),
    "upload, text": multipart(('name="files"', None, "not a file"))._replace(target="/upload"),
    "upload, cut off": UPLOADS._replace(
        target="/upload", headers=(*UPLOADS.headers[:-1], ("Content-Length", b"100")), body=UPLOADS.body[:100]
    ),
    "raw": post("application/octet-stream", EVERY_BYTE, target="/raw"),
    "invalid response": http("GET", "/invalid-response"),
}

ALONE = {
    "raw_wsgi": RAW_WSGI,
    "raw_asgi": {**RAW_ASGI, **REFLECTED},
    "django_asgi": {**REFLECTED, **get_and_head("/events"), "upload": UPLOADS},
    "fastapi_asgi": {**REFLECTED, **FASTAPI},
    "starlette_asgi": {**REFLECTED, **STARLETTE, **FILES},
}
