"""What the clients take besides what werkzeug's and httpx's own take: names, hooks, arguments of other clients."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import io
import json
import sys

import flask
import httpx
import pytest
import starlette.applications
import starlette.requests
import starlette.responses
import starlette.routing
from werkzeug.datastructures import Authorization, MultiDict

from fc_adapter import ConfigError, wrap
from fc_adapter.testing import Client, Transport
from tests.testing.test_clients import app, handler

# ---- Flask's arguments -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "make"),
    [
        ("http://other.example/echo/x?a=1", dict),
        ("/echo/x", lambda: {"url_scheme": "http"}),
        ("/echo/x", lambda: {"url_scheme": "http", "subdomain": "api"}),
        ("/echo/x", lambda: {"method": "POST", "data": MultiDict([("a", "1"), ("a", "2")]), "url_scheme": "http"}),
        ("/echo/x", lambda: {"method": "PUT", "json": 1, "mimetype": "application/x+json", "url_scheme": "http"}),
        ("/echo/x", lambda: {"auth": Authorization("basic", {"username": "u", "password": "p"}), "url_scheme": "http"}),
        ("/echo/x", lambda: {"headers": {"Cookie": "a=1"}, "url_scheme": "http"}),
    ],
)
def test_arguments_of_flasks_own_client(path, make):
    def send(client):
        response = client.open(path, **make())
        return response.status_code, {**(response.json or {}), "raw": "", "context": None}

    assert send(Client(handler)) == send(app.test_client())


def test_a_subdomain_is_one_of_localhost_and_not_of_a_base_url():
    assert Client(handler).get("/echo/x", subdomain="api").json["url"] == "https://api.localhost/echo/x"
    for arguments in ({"subdomain": "api"}, {"url_scheme": "http"}):
        with pytest.raises(TypeError, match="either base_url, or subdomain and url_scheme"):
            Client(handler).get("/echo/x", base_url="https://h.example", **arguments)


# ---- httpx's arguments -----------------------------------------------------------------------------------------------


async def show(request):
    body = await request.body()
    async with request.form() as form:
        fields = [(name, value if isinstance(value, str) else value.filename) for name, value in form.multi_items()]
    return starlette.responses.JSONResponse(
        {
            "url": str(request.url),
            "query": request.query_params.multi_items(),
            "cookies": request.cookies,
            "authorization": request.headers.get("authorization"),
            "type": (request.headers.get("content-type") or "").partition(";")[0],
            "body": "" if fields else body.decode(),
            "form": fields,
            "method": request.method,
        }
    )


site = starlette.applications.Starlette(
    routes=[starlette.routing.Route("/{path:path}", show, methods=["GET", "POST", "PUT", "DELETE"])]
)


def chunks():
    yield b"one,"
    yield b"two"


async def achunks():
    for chunk in chunks():
        yield chunk


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"params": {"a": "1", "b": "你", "c": True, "d": None, "e": 2}},
        lambda: {"params": [("a", "1"), ("b", "2")]},
        lambda: {"params": "a=1&b=2"},
        lambda: {"auth": ("小红", "secret")},
        lambda: {"auth": httpx.BasicAuth("u", "p")},
        lambda: {"method": "POST", "data": {"a": "1", "b": ["2", "3"]}},
        lambda: {"method": "POST", "data": {"a": "1"}, "files": {"f": ("n.txt", b"x")}},
        lambda: {"method": "POST", "content": "text", "headers": {"Content-Type": "text/plain"}},
        lambda: {"method": "PUT", "json": {"键": [1]}},
        lambda: {"method": "PUT", "content": achunks(), "headers": {"Content-Type": "text/plain"}},
        lambda: {"method": "DELETE", "headers": [("Cookie", "a=1")]},
    ],
)
def test_arguments_of_httpx(make):
    async def send(transport):
        async with httpx.AsyncClient(transport=transport, base_url="https://h.example/base", cookies={"c": "1"}) as c:
            return (await c.request(**{"method": "GET", "url": "/x/y", **make()})).json()

    assert asyncio.run(send(Transport(wrap(site)))) == asyncio.run(send(httpx.ASGITransport(site)))


def test_chunks_of_a_request_that_is_sent_in_turn():
    with httpx.Client(transport=Transport(wrap(site)), base_url="https://h.example") as client:
        response = client.post("/x", content=chunks(), headers={"Content-Type": "text/plain"})
    assert response.json()["body"] == "one,two"


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("GET", {"params": {"a": "1", "b": "你", "c": True, "d": None, "e": 1}}),
        ("GET", {"params": [("a", "1"), ("b", "2")]}),
        ("GET", {"params": "a=1&b=2"}),
        ("POST", {"content": "text", "headers": {"Content-Type": "text/plain"}}),
        ("POST", {"content": b"text", "headers": {"Content-Type": "text/plain"}}),
        ("POST", {"json": [1]}),
        ("POST", {"auth": ("u", "p"), "data": {"a": "1"}}),
    ],
)
def test_arguments_that_the_client_has_of_httpx(method, arguments):
    ours = Client(wrap(site)).open("/x", method=method, **arguments).json
    with httpx.Client(transport=Transport(wrap(site)), base_url="https://localhost") as client:
        theirs = client.request(method, "/x", **arguments).json()
    assert {**ours, "body": ours["body"].replace(" ", "")} == {**theirs, "body": theirs["body"].replace(" ", "")}


def show_files():
    files = [(name, *shown(file)) for name, file in flask.request.files.items(multi=True)]
    return {"form": flask.request.form, "files": files}


def shown(file):
    return file.filename, file.content_type, file.read().decode()


@pytest.mark.parametrize(
    "files",
    [
        {"f": ("n.txt", b"one")},
        {"f": ("n.bin", b"one", "text/x-own"), "g": ("g.txt", io.BytesIO(b"two"))},
        {"f": ("n.json", "你".encode(), None)},
        [("f", ("1.txt", b"one", "text/plain")), ("f", ("2.txt", b"two", "text/plain"))],
    ],
)
def test_files_as_httpx_has_them(files):
    uploads = flask.Flask(__name__)
    uploads.add_url_rule("/", methods=["POST"], view_func=show_files)
    with httpx.Client(transport=Transport(wrap(uploads)), base_url="https://localhost") as client:
        theirs = client.post("/", data={"a": "1"}, files=copy.deepcopy(files)).json()
    assert Client(wrap(uploads)).post("/", data={"a": "1"}, files=files).json == theirs
    assert (theirs["form"], len(theirs["files"])) == ({"a": "1"}, len(files))


def test_the_content_of_files_alone_and_several_of_one_name():
    uploads = flask.Flask(__name__)
    uploads.add_url_rule("/", methods=["POST"], view_func=show_files)
    files = {"f": "text", "g": [b"one", (io.BytesIO(b"two"), "2.txt")]}
    kind = "application/octet-stream"
    found = [["f", "f", kind, "text"], ["g", "g", kind, "one"], ["g", "2.txt", "text/plain", "two"]]
    assert Client(wrap(uploads)).post("/", files=files).json == {"form": {}, "files": found}


def test_several_values_in_params():
    url = Client(handler).get("/echo/x", params={"a": ["1", "2"], "b": ("3",)}).event["queryParameters"]
    assert url == {"a": "1,2", "b": "3"}


def test_cookies_of_one_request_are_not_kept():
    client = Client(wrap(site))
    client.set_cookie("kept", "1")
    assert client.get("/x", cookies={"a": "1"}).json["cookies"] == {"a": "1", "kept": "1"}
    assert client.get("/x").json["cookies"] == {"kept": "1"}


def test_iterables_as_data():
    client = Client(handler)
    for data in (chunks(), ["one,", "two"]):
        assert client.post("/echo/x", data=data, content_type="text/plain").json["text"] == "one,two"
    assert client.post("/echo/x", data=iter([("a", "1"), ("a", "2")])).json["form"] == {"a": ["1", "2"]}


def test_files_beside_any_data():
    client = Client(handler)
    for data in (iter([("a", "1"), ("a", "2")]), MultiDict([("a", "1"), ("a", "2")]), {"a": ["1", "2"]}):
        response = client.post("/echo/x", data=data, files={"f": (io.BytesIO(b"one"), "n.txt")})
        assert (response.json["form"], response.json["files"]) == ({"a": ["1", "2"]}, {"f": ["n.txt", "one"]})


# ---- names -----------------------------------------------------------------------------------------------------------

ENTRY = """
import fc_adapter, flask

app = flask.Flask(__name__)
app.add_url_rule("/", view_func=lambda: "hello")
handler = fc_adapter.wrap(app)
calls = []


def plain(event, context):
    return calls


def initialize(context):
    calls.append(f"initialize {context}")


def pre_stop(context):
    calls.append("pre_stop")
"""


@pytest.fixture
def entry(tmp_path, monkeypatch):
    (tmp_path / "entry_of_test.py").write_text(ENTRY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield "entry_of_test"
    sys.modules.pop("entry_of_test", None)


@pytest.mark.parametrize("name", ["{}:handler", "{}.handler", "{}:app", "./{}.py:handler", "{}.py"])
def test_a_name_is_a_handler_too(entry, name):
    assert Client(name.format(entry)).get("/").text == "hello"
    with httpx.Client(transport=Transport(name.format(entry)), base_url="https://h.example") as client:
        assert client.get("/").text == "hello"


def test_the_hooks_of_the_module_that_a_name_leads_to(entry):
    with Client(f"{entry}:plain", context="mine") as client:
        assert client.get("/").json == ["initialize mine"]
    assert client.get("/").json == ["initialize mine", "pre_stop"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nowhere", "cannot load 'nowhere': expected index:handler"),
        ("nowhere:handler", "there is no module named 'nowhere'"),
        ("json:nothing", "has no 'nothing'"),
        ("json:__name__", "expected a handler, or its name such as 'index:handler', got 'json'"),
        (None, "expected a handler, or its name such as 'index:handler', got None"),
        (app, r"expected a handler, got the app <Flask '.*'>; wrap it: fc_adapter.wrap\(app\)"),
        (site, "expected a handler, got the app .*wrap it"),
    ],
)
def test_what_is_no_handler(given, message):
    with pytest.raises(ConfigError, match=message):
        Client(given)


# ---- hooks -----------------------------------------------------------------------------------------------------------


def test_a_with_block_runs_the_hooks():
    calls = []

    @contextlib.asynccontextmanager
    async def lifespan(app):
        calls.append("startup")
        yield
        calls.append("shutdown")

    async def index(request):
        return starlette.responses.PlainTextResponse(",".join(calls))

    app = starlette.applications.Starlette(routes=[starlette.routing.Route("/", index)], lifespan=lifespan)
    with Client(wrap(app)) as client:
        assert calls == ["startup"]
        assert [client.get("/").text for _ in range(2)] == ["startup", "startup"]
    assert calls == ["startup", "shutdown"]
    with pytest.raises(LookupError), Client(wrap(app)) as client:
        raise LookupError
    assert calls == ["startup", "shutdown"] * 2


def test_a_plain_handler_has_no_hooks():
    with Client(lambda event, context: "x") as client:
        assert client.get("/").text == "x"


# ---- asynchronous requests -------------------------------------------------------------------------------------------

ASYNC = {"X-Fc-Invocation-Type": "Async"}


def test_what_an_asynchronous_request_returned():
    response = Client(lambda event, context: json.loads(event)["rawPath"]).post("/job", headers=ASYNC)
    assert (response.status_code, response.data, response.result, response.error) == (202, b"", "/job", None)


@pytest.mark.parametrize("result", ["raise", {"body": b""}])
def test_what_an_asynchronous_request_raised(result):
    def function(event, context):
        if result == "raise":
            raise LookupError("broken")
        return result

    response = Client(function).post("/job", headers=ASYNC)
    assert (response.status_code, type(response.error)) == (202, LookupError if result == "raise" else TypeError)
    with httpx.Client(transport=Transport(function), base_url="https://h.example") as client:
        response = client.post("/job", headers=ASYNC)
    assert response.status_code == 202
    assert type(response.extensions["fc_adapter.error"]) is (LookupError if result == "raise" else TypeError)


def test_the_exit_of_an_asynchronous_request_comes_out():
    def function(event, context):
        raise SystemExit

    with pytest.raises(SystemExit):
        Client(function).post("/job", headers=ASYNC)
