"""Every request gets the same answer from Uvicorn and through the adapter, but for what the platform itself loses."""

from __future__ import annotations

import json

import h11
import pytest

import fc_adapter

from .alone import BROKEN
from .differences import surprises
from .exchange import http, serve, through_adapter, through_socket
from .half import Half
from .scenarios import MOUNTED
from .servers import ASGI_APPS, RAW_APPS, UVICORN, serve_all

FRAMEWORKS = [app for app in ASGI_APPS if app not in RAW_APPS]

# Uvicorn's --root-path is for a proxy that takes the prefix off each path, and puts it on again. The platform leaves it
# on, as base_path expects. So apps see the same when Uvicorn gets the path without the prefix, and the adapter with it.
STRIPPED = {
    name: request._replace(target=request.target[len("/api") :])
    for name, request in MOUNTED.items()
    if request.target != "/api"
}

pytestmark = pytest.mark.filterwarnings(
    # Of every Django view that returns a file, or another iterator that is not asynchronous.
    "ignore:StreamingHttpResponse must consume synchronous iterators:Warning"
)


@pytest.fixture(scope="module")
def ports(files):
    """The port of each app's Uvicorn: all start at once, and serve the whole module."""
    with serve_all(UVICORN, ASGI_APPS) as ports:
        yield ports


@pytest.fixture(scope="module")
def mounted_ports(files):
    """The same, with each app below ``/api``."""
    with serve_all([*UVICORN, "--root-path", "/api"], ASGI_APPS) as ports:
        yield ports


class TestASGI(Half):
    apps = ASGI_APPS
    frameworks = FRAMEWORKS
    mounted = STRIPPED


@pytest.mark.parametrize("app", [app for app in ASGI_APPS if app != "django_asgi"])  # Django knows no lifespan
def test_startup_and_shutdown(files, app):
    handler = fc_adapter.wrap(f"tests.apps.{app}:app", lifespan="on")
    for _ in range(2):
        handler.initialize()
        assert through_adapter(handler, http("GET", "/leaf")).status == 200
        handler.pre_stop()


@pytest.mark.parametrize("path", BROKEN)
def test_whole_error_where_uvicorn_breaks_off(ports, get_handler, path, caplog):
    with pytest.raises(h11.RemoteProtocolError):
        through_socket(ports["raw_asgi"], http("GET", path))
    response = through_adapter(get_handler("raw_asgi"), http("GET", path))
    assert response == (500, (("content-type", b"text/plain; charset=utf-8"),), b"Internal Server Error")
    (record,) = caplog.records
    assert record.name == "fc_adapter"


def converse(port, handler, *requests):
    """Send ``requests`` one after the other, each with the cookie that the last answer set; give our last response."""
    cookies, response = (), None
    for request in requests:
        request = request._replace(headers=request.headers + cookies)
        theirs, response = through_socket(port, request), through_adapter(handler, request)
        assert surprises(request, theirs, response) == {}
        fresh = [value.partition(b";")[0] for name, value in theirs.headers if name == "set-cookie"]
        cookies = tuple(("Cookie", value) for value in fresh) or cookies
    return response


@pytest.mark.parametrize("prefix", ["/sessions", "/all"])
def test_session(ports, get_handler, prefix):
    visits = [http("GET", f"{prefix}/visit{query}") for query in ("?name=%E5%BC%A0", "", "", "?forget=1", "")]
    response = converse(ports["starlette_asgi"], get_handler("starlette_asgi"), *visits[:3])
    assert json.loads(response.body) == {"visits": ["张", "无名", "无名"]}
    response = converse(ports["starlette_asgi"], get_handler("starlette_asgi"), *visits)
    assert json.loads(response.body) == {"visits": ["无名"]}


@pytest.mark.parametrize(
    ("app", "prefix"),
    [("starlette_asgi", ""), ("starlette_asgi", "/two"), ("starlette_asgi", "/all"), ("fastapi_asgi", "")],
)
def test_background_tasks(ports, get_handler, app, prefix):
    requests = [http("POST", f"{prefix}/work?key={prefix}"), http("GET", f"{prefix}/worked?key={prefix}")]
    response = converse(ports[app], get_handler(app), *requests)
    assert json.loads(response.body) == [f"{prefix}/work", "线程", "finish"]


@pytest.mark.parametrize("body", [b"body", b"fail"])
def test_disconnect_once_there_is_an_answer(ports, get_handler, body):
    """A task that listens is told, so that it ends, also when the app fails and the server answers in its place."""
    requests = [http("POST", f"/listen?{body.decode()}", body=body), http("GET", f"/listened?{body.decode()}")]
    response = converse(ports["raw_asgi"], get_handler("raw_asgi"), *requests)
    assert json.loads(response.body) == [{"type": "http.disconnect"}] * 2


@pytest.mark.parametrize(
    ("headers", "status"), [(("If-None-Match",), 304), (("If-Range",), 206), (("If-None-Match", "If-Range"), 304)]
)
def test_file_that_the_client_has(ports, get_handler, headers, status):
    first = through_adapter(get_handler("starlette_asgi"), http("GET", "/files/hello.txt"))
    etags = [(name, dict(first.headers)["etag"]) for name in headers]
    request = http("GET", "/files/hello.txt", ("Range", "bytes=1-3"), *etags)
    theirs, ours = (
        through_socket(ports["starlette_asgi"], request),
        through_adapter(get_handler("starlette_asgi"), request),
    )
    assert (surprises(request, theirs, ours), ours.status) == ({}, status)


def test_lifespan(monkeypatch, tmp_path):
    """One start and one end around all requests, with a state of which each request has a copy of its own."""
    requests = [http("GET", f"/{name}") for name in ("first", "%E7%AC%AC%E4%BA%8C")]
    monkeypatch.setenv("LIFE_LOG", str(tmp_path / "uvicorn"))
    with serve([*UVICORN, "tests.apps.lifespan_asgi:app"]) as [port]:
        theirs = [through_socket(port, request) for request in requests]
    monkeypatch.setenv("LIFE_LOG", str(tmp_path / "adapter"))
    handler = fc_adapter.wrap("tests.apps.lifespan_asgi:app", lifespan="on")
    handler.initialize()
    ours = [through_adapter(handler, request) for request in requests]
    handler.pre_stop()
    assert list(map(surprises, requests, theirs, ours)) == [{}, {}]
    logs = [(tmp_path / name).read_text("utf-8") for name in ("uvicorn", "adapter")]
    assert logs == ["启动\n/first untouched\n/第二 untouched\n停止\n"] * 2
