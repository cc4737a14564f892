"""Lists that apps of Litestar and Django Ninja declare, and apps of which nothing is known."""

from __future__ import annotations

import sys
import warnings

import flask
import httpx
import pytest
import starlette.applications
import starlette.requests
import starlette.responses
import starlette.routing

from fc_adapter import wrap
from fc_adapter.testing import Client, Transport

# Older versions of Ninja use what newer ones of pydantic warn of.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def make_client():
    """Makes clients, and ends their handlers' event loops after the test."""
    handlers = []

    def make(app, **options):
        handlers.append(wrap(app, **options))
        return Client(handlers[-1])

    yield make
    for handler in handlers:
        handler.pre_stop()


@pytest.fixture(scope="module")
def litestar_app():
    with warnings.catch_warnings():
        from .litestar_site import app

        return app


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/list?tag=a&tag=b&one=1,2", [["a", "b"], "1,2"]),
        ("/list/?tag=a&tag=b", [["a", "b"], None]),
        ("/alias?tag[]=a&tag[]=b", ["a", "b"]),
        ("/alias/x?tag[]=a&tag[]=b", ["a", "b"]),
        ("/dependency?page=1&page=2", [1, 2]),
        ("/raw?tag=a&tag=b", {"tag": ["a,b"]}),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/api"])
def test_litestar(make_client, litestar_app, prefix, url, expected):
    assert make_client(litestar_app, base_path=prefix, lifespan="off").get(prefix + url).json == expected


def test_what_litestar_does_not_have(make_client, litestar_app):
    client = make_client(litestar_app, lifespan="off")
    assert client.get("/text?tag=a&tag=b").text == "a,b"
    assert client.get("/else?tag=a&tag=b").status_code == 404
    assert client.post("/list?tag=a&tag=b").status_code == 405


def test_a_path_that_a_converter_cannot_read_costs_the_next_request_nothing(make_client, litestar_app, caplog):
    client = make_client(litestar_app, lifespan="off")
    for _ in range(2):
        client.get("/price/none?tag=a&tag=b")  # of a Decimal Litestar expects a ValueError, and gets another
        assert client.get("/list?tag=a&tag=b").json == [["a", "b"], None]
    told = [each for each in caplog.messages if each.startswith("cannot tell from the app's routes")]
    assert len(told) == 1


# ---- Ninja -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site():
    from tests.apps import django_site  # noqa: F401, I001 - it configures Django
    from django.test import override_settings

    with override_settings(ROOT_URLCONF="tests.lists.ninja_site"):
        yield


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/list?tag=a&tag=b&one=1,2", [["a", "b"], "1,2"]),
        ("/numbers?n=1&n=2", [1, 2]),
        ("/numbers/a,b?n=1&n=2", ["a,b", [1, 2]]),
        ("/model?tag=a&tag=b&own=c,d", [["a", "b"], ["c", "d"]]),
        ("/more/async?tag=a&tag=b", ["a", "b"]),
        ("/text?tag=a&tag=b", "a,b"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/base"])
def test_ninja(make_client, site, interface, url, expected, prefix):
    client = make_client(make_site(interface), base_path=prefix)
    response = client.get(f"{prefix}/api{url}")
    assert (response.status_code, response.json) == (200, expected)


def make_site(interface):
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler

    return {"wsgi": WSGIHandler, "asgi": ASGIHandler}[interface]()


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_what_ninja_does_not_have(make_client, site, interface):
    client = make_client(make_site(interface))
    assert client.get("/plain?tag=a&tag=b").json == [["tag", ["a,b"]], "/plain?tag=a,b"]
    assert client.get("/api/else?tag=a&tag=b").status_code == 404
    assert client.post("/api/list?tag=a&tag=b").status_code == 405
    off = make_client(make_site(interface), split_query=False)
    assert off.get("/api/list?tag=a&tag=b").json == [["a,b"], ""]


def test_the_views_of_older_versions_of_ninja_are_methods(site):
    from ninja.operation import PathView

    from fc_adapter.lists.ninja import find_path_view

    view = PathView()
    assert find_path_view(view._sync_view) is find_path_view(view.get_view()) is view


def test_the_whole_url_of_wsgi_is_split(make_client, site):
    client = make_client(make_site("wsgi"))
    assert client.get("/api/url?tag=a&tag=b").json == ["?tag=a&tag=b", "/api/url?tag=a&tag=b", "/api/url?tag=a&tag=b"]


def test_a_site_without_ninja(make_client, site, monkeypatch):
    monkeypatch.delitem(sys.modules, "ninja.operation", raising=False)
    client = make_client(make_site("wsgi"))
    for _ in range(2):
        assert client.get("/plain?tag=a&tag=b").json[0] == ["tag", ["a,b"]]


# ---- others ----------------------------------------------------------------------------------------------------------


def test_apps_that_declare_nothing(make_client):
    app = flask.Flask(__name__)
    app.add_url_rule("/", view_func=lambda: flask.request.args.to_dict(flat=False))
    client = make_client(app)
    for _ in range(2):
        assert client.get("/?a=1&a=2").json == {"a": ["1,2"]}

    async def index(request):
        return starlette.responses.JSONResponse(request.query_params.multi_items())

    site = starlette.applications.Starlette(routes=[starlette.routing.Route("/", index)])
    with httpx.Client(transport=Transport(wrap(site)), base_url="https://h.example") as client:
        for _ in range(2):
            assert client.get("/?a=1&a=2").json() == [["a", "1,2"]]
