"""Every request gets the same answer from Uvicorn and through the adapter, but for what the trigger itself loses."""

from __future__ import annotations

import json
import os
import sys
from functools import cache

import django
import h11
import pytest

import fc_adapter

from .apps.content import EVERY_BYTE, LARGE
from .parity import compare, http, serve, serve_all, through_adapter, through_socket
from .parity_cases import (
    BYTE_PATHS,
    BYTE_QUERIES,
    ECHOED,
    FRAMEWORK,
    MOUNTED,
    ODD,
    PLATFORM_DIFFERENCES,
    UNTYPED,
    Difference,
    each_exchange,
    get_and_head,
    misnamed,
    multipart,
    post,
    received_header,
    received_query,
    select,
    surprises,
)

APPS = {
    "raw": "tests.apps.raw_asgi:app",
    "starlette": "tests.apps.starlette_asgi:app",
    "fastapi": "tests.apps.fastapi_asgi:app",
    "django": "tests.apps.django_asgi:app",
}

FRAMEWORKS = ("starlette", "fastapi", "django")

UVICORN = [
    *(sys.executable, "-m", "uvicorn", "--fd", "{fd}", "--http", "h11", "--loop", "asyncio", "--ws", "none"),
    *("--log-level", "critical"),
]

pytestmark = pytest.mark.filterwarnings(
    # Of every view that returns a file, or another iterator that is not asynchronous.
    "ignore:StreamingHttpResponse must consume synchronous iterators:Warning"
)


@pytest.fixture(scope="module", autouse=True)
def files(tmp_path_factory):
    """The directory that both processes serve, whose files are old."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "folder").mkdir()
    for name, content in {
        "every byte.bin": EVERY_BYTE,
        "hello.txt": b"hello",
        "empty.txt": b"",
        "long.js": b"0123456789" * 20_000,
        "你好.html": "你好".encode(),
        "index.html": b"<h1>index</h1>",
        "404.html": b"<h1>missing</h1>",
        "folder/index.html": b"<h1>folder</h1>",
    }.items():
        (folder / name).write_bytes(content)
        os.utime(folder / name, (1_600_000_000, 1_600_000_000))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("PARITY_FILES", str(folder))
        yield folder


@pytest.fixture(scope="module")
def ports(files):
    """The port of each app's Uvicorn: all start at once, and serve the whole module."""
    with serve_all(UVICORN, APPS) as ports:
        yield ports


@pytest.fixture(scope="module")
def mounted_ports(files):
    """The same, with each app below ``/api``."""
    with serve_all([*UVICORN, "--root-path", "/api"], APPS) as ports:
        yield ports


@pytest.fixture(scope="module")
def get_handler(files):
    """The adapter around an app, which is imported into this process."""
    handlers = []

    @cache
    def get_handler(app, split_query=True, base_path=""):
        handlers.append(fc_adapter.wrap(APPS[app], split_query=split_query, base_path=base_path))
        return handlers[-1]

    yield get_handler
    for handler in handlers:
        handler.pre_stop()


# ---- the requests ----------------------------------------------------------------------------------------------------

REFLECTED = {
    "reflect 10 MB": post("application/octet-stream", LARGE + LARGE, target="/reflect"),
    "reflect text": post("text/plain", "反射".encode(), target="/reflect"),
    "reflect nothing": post("text/plain", b"", target="/reflect"),
}

RAW = {
    **ODD,
    **get_and_head(
        "/chunks",
        "/no-content",
        "/body-of-no-content",
        "/one-message",
        "/no-headers",
        "/empty-last",
        "/error-first",
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

# Uvicorn's --root-path is for a proxy that takes the prefix off each path, and puts it on again. The platform leaves it
# on, as base_path expects. So apps see the same when Uvicorn gets the path without the prefix, and the adapter with it.
STRIPPED = {
    name: request._replace(target=request.target[len("/api") :])
    for name, request in MOUNTED.items()
    if request.target != "/api"
}

REQUESTS = {
    "raw": {**ECHOED, **RAW, **REFLECTED},
    "starlette": {**ECHOED, **FRAMEWORK, **REFLECTED, **STARLETTE, **FILES},
    "fastapi": {**ECHOED, **FRAMEWORK, **REFLECTED, **FASTAPI},
    "django": {**ECHOED, **FRAMEWORK, **REFLECTED, **get_and_head("/events"), "upload": UPLOADS},
}


# ---- the differences -------------------------------------------------------------------------------------------------

# In what the raw app reports of its scope.
REPORTED = tuple(name for name in (*ECHOED, *STRIPPED) if name != "method HEAD")
SCOPE_DIFFERENCES = [
    Difference(
        "2.4: send() never fails here, so that Starlette need not watch for a disconnect while it streams",
        REPORTED,
        {"body.asgi.spec_version": "2.4"},
        unseen_by=FRAMEWORKS,
    ),
    Difference(
        "the event has the client's address without its port, as X-Forwarded-For has",
        tuple(name for name in REPORTED if name != "headers of a proxy"),
        {"body.client.port": 0},
        unseen_by=FRAMEWORKS,
    ),
    Difference(
        "Uvicorn tells its socket's address, the adapter that which the client addressed; Host is the same in both",
        REPORTED,
        {"body.server.host": ..., "body.server.port": ...},
        unseen_by=FRAMEWORKS,
    ),
    Difference(
        "the adapter adds the invocation to the scope",
        REPORTED,
        {"body.types.fc.event": "dict", "body.types.fc.context": "NoneType", "body.types.fc.request_id": "str"},
        unseen_by=FRAMEWORKS,
    ),
]

KNOWN_DIFFERENCES = [
    *PLATFORM_DIFFERENCES,
    *SCOPE_DIFFERENCES,
    Difference(
        "Uvicorn believes X-Forwarded-For, which any client of the platform can send; the event has the peer's address",
        ("headers of a proxy",),
        {"body.client": "127.0.0.1", "body.client.host": "127.0.0.1", "body.remote_addr": "127.0.0.1"},
    ),
    Difference(
        "the platform joins repeated headers with a comma, also Cookie, of which a client sends one",
        ("header Cookie, twice",),
        {
            **received_header("Cookie", "a=1,b=2"),
            "body.cookies.a": "1,b=2",
            "body.cookies.b": None,
        },
        unseen_by=("django",) if django.VERSION < (6,) else (),  # which joins them so itself
    ),
    Difference(
        "the platform joins repeated headers with a comma",
        ("header, repeated",),
        received_header("X-A", "1,3, 4,"),
        unseen_by=("django",),
    ),
    Difference(
        "the gateway frames the connection: what belongs to one connection alone does not reach it",
        ("GET /reserved", "HEAD /reserved"),
        {"headers.proxy-authenticate": None},
    ),
    Difference(
        UNTYPED + ", so the adapter names one for a body",
        ("GET /no-headers", "HEAD /no-headers"),
        {"headers.content-type": b"application/octet-stream"},
    ),
    Difference(
        UNTYPED + ", such as Starlette's 204 and 304, and what redirects to a path",
        (
            *("GET /no-content", "GET /redirect/relative", "GET /redirect/absolute", "GET /redirect/built"),
            *(f"{prefix}{path}" for prefix in PREFIXES for path in ("", "/folder", "/no-content", "/redirect/built")),
            *("GET /files", "HEAD /files", "site ", "site /folder", "file, not modified"),
            *("redirect built for a port", "/https, http", "/https, http, port", "GET /sub/redirect/built"),
        ),
        {"headers.content-type": b"application/json"},
        unseen_by=("django",),
    ),
    Difference(
        UNTYPED + ", such as Starlette's redirects, where the raw app has an answer",
        (
            *("path /items", "path /echo/", "path /echo//", "path /folder", "path /leaf/"),
            *("path without its slash, POST", "query of a redirect"),
            *("scheme http, default port", "scheme https, default port"),
            *("mounted /api/folder", "mounted /api/redirect/built", "mounted /api/redirect/relative"),
        ),
        {"headers.content-type": b"application/json"},
        unseen_by=("raw", "django"),
    ),
    Difference(
        UNTYPED + "; FastAPI refuses HEAD",
        ("HEAD /no-content", "HEAD /redirect/relative", "HEAD /redirect/absolute", "HEAD /redirect/built"),
        {"headers.content-type": b"application/json"},
        unseen_by=("fastapi", "django"),
    ),
]


# ---- the tests -------------------------------------------------------------------------------------------------------


@each_exchange(REQUESTS)
def test_same_answer(ports, get_handler, app, split, name):
    request = REQUESTS[app][name]
    theirs = through_socket(ports[app], request)
    ours = through_adapter(get_handler(app, split), request)
    assert surprises(theirs, ours, select(KNOWN_DIFFERENCES, app, name, split)) == {}


def test_known_differences_name_requests():
    assert misnamed(KNOWN_DIFFERENCES, {**REQUESTS, "mounted": STRIPPED}) == set()


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("name", STRIPPED)
def test_same_answer_below_a_base_path(mounted_ports, get_handler, app, name):
    theirs = through_socket(mounted_ports[app], STRIPPED[name])
    ours = through_adapter(get_handler(app, base_path="/api"), MOUNTED[name])
    assert surprises(theirs, ours, select(KNOWN_DIFFERENCES, app, name, True)) == {}


@pytest.mark.parametrize("app", APPS)
def test_path_with_each_byte(ports, get_handler, app):
    found = {byte: compare(ports[app], get_handler(app), request) for byte, request in BYTE_PATHS.items()}
    scope = {path for difference in SCOPE_DIFFERENCES for path in difference.ours}
    assert {byte: pairs for byte, pairs in found.items() if pairs.keys() - scope} == {}


@pytest.mark.parametrize("app", FRAMEWORKS)
def test_query_with_each_ascii_character(ports, get_handler, app):
    """The names and values are the same; how they are written is not (``PLATFORM_DIFFERENCES``)."""
    found = {byte: compare(ports[app], get_handler(app, False), request) for byte, request in BYTE_QUERIES.items()}
    assert {byte: pairs for byte, pairs in found.items() if pairs.keys() - received_query()} == {}


@pytest.mark.parametrize("path", BROKEN)
def test_whole_error_where_uvicorn_breaks_off(ports, get_handler, path, caplog):
    with pytest.raises(h11.RemoteProtocolError):
        through_socket(ports["raw"], http("GET", path))
    response = through_adapter(get_handler("raw"), http("GET", path))
    assert response == (500, (("content-type", b"text/plain; charset=utf-8"),), b"Internal Server Error")
    (record,) = caplog.records
    assert record.name == "fc_adapter"


def converse(port, handler, *requests):
    """Send ``requests`` one after the other, each with the cookie that the last answer set; give our last response."""
    cookies, response = (), None
    for request in requests:
        request = request._replace(headers=request.headers + cookies)
        theirs, response = through_socket(port, request), through_adapter(handler, request)
        assert surprises(theirs, response) == {}
        fresh = [value.partition(b";")[0] for name, value in theirs.headers if name == "set-cookie"]
        cookies = tuple(("Cookie", value) for value in fresh) or cookies
    return response


@pytest.mark.parametrize("prefix", ["/sessions", "/all"])
def test_session(ports, get_handler, prefix):
    visits = [http("GET", f"{prefix}/visit{query}") for query in ("?name=%E5%BC%A0", "", "", "?forget=1", "")]
    response = converse(ports["starlette"], get_handler("starlette"), *visits[:3])
    assert json.loads(response.body) == {"visits": ["张", "无名", "无名"]}
    response = converse(ports["starlette"], get_handler("starlette"), *visits)
    assert json.loads(response.body) == {"visits": ["无名"]}


@pytest.mark.parametrize(
    ("app", "prefix"), [("starlette", ""), ("starlette", "/two"), ("starlette", "/all"), ("fastapi", "")]
)
def test_background_tasks(ports, get_handler, app, prefix):
    requests = [http("POST", f"{prefix}/work?key={prefix}"), http("GET", f"{prefix}/worked?key={prefix}")]
    response = converse(ports[app], get_handler(app), *requests)
    assert json.loads(response.body) == [f"{prefix}/work", "线程", "finish"]


@pytest.mark.parametrize("body", [b"body", b"fail"])
def test_disconnect_once_there_is_an_answer(ports, get_handler, body):
    """A task that listens is told, so that it ends, also when the app fails and the server answers in its place."""
    requests = [http("POST", f"/listen?{body.decode()}", body=body), http("GET", f"/listened?{body.decode()}")]
    response = converse(ports["raw"], get_handler("raw"), *requests)
    assert json.loads(response.body) == [{"type": "http.disconnect"}] * 2


@pytest.mark.parametrize(
    ("headers", "status"), [(("If-None-Match",), 304), (("If-Range",), 206), (("If-None-Match", "If-Range"), 304)]
)
def test_file_that_the_client_has(ports, get_handler, headers, status):
    first = through_adapter(get_handler("starlette"), http("GET", "/files/hello.txt"))
    etags = [(name, dict(first.headers)["etag"]) for name in headers]
    request = http("GET", "/files/hello.txt", ("Range", "bytes=1-3"), *etags)
    theirs, ours = through_socket(ports["starlette"], request), through_adapter(get_handler("starlette"), request)
    known = select(KNOWN_DIFFERENCES, "starlette", "file, not modified", True) if status == 304 else ()
    assert (surprises(theirs, ours, known), ours.status) == ({}, status)


def test_lifespan(monkeypatch, tmp_path):
    """One start and one end around all requests, with a state of which each request has a copy of its own."""
    requests = [http("GET", f"/{name}") for name in ("first", "%E7%AC%AC%E4%BA%8C")]
    monkeypatch.setenv("PARITY_LOG", str(tmp_path / "uvicorn"))
    with serve([*UVICORN, "tests.apps.lifespan_asgi:app"]) as port:
        theirs = [through_socket(port, request) for request in requests]
    monkeypatch.setenv("PARITY_LOG", str(tmp_path / "adapter"))
    handler = fc_adapter.wrap("tests.apps.lifespan_asgi:app", lifespan="on")
    handler.initialize()
    ours = [through_adapter(handler, request) for request in requests]
    handler.pre_stop()
    assert list(map(surprises, theirs, ours)) == [{}, {}]
    logs = [(tmp_path / name).read_text("utf-8") for name in ("uvicorn", "adapter")]
    assert logs == ["启动\n/first untouched\n/第二 untouched\n停止\n"] * 2
