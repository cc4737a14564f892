"""What an instance tells of a wrapped app, and that the app does not notice."""

from __future__ import annotations

import asyncio
import urllib.request

import pytest

import fc_adapter
from fc_adapter.runner import serve
from fc_adapter.runner.observer import Observer
from fc_adapter.runner.tap import Tap
from tests.conftest import make_event


def watched(app, **options):
    handler = fc_adapter.wrap(app, **options)
    tap = Tap(handler)

    def send(**fields):
        tap.begin()
        return handler(make_event(**fields))

    return handler, tap, send


def app(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("broken")
    headers = [("X-Big", "x" * 70_000)] if environ["PATH_INFO"] == "/big" else [("Set-Cookie", "a=1")]
    start_response("201 Created", headers)
    return [b"body"]


def test_answer_of_a_wsgi_app():
    handler, tap, serve = watched(app)
    assert tap.report() is None
    assert serve()["statusCode"] == 201
    assert tap.report() == {"status": 201, "headers": (("Set-Cookie", "a=1"),), "size": 4, "background": None}
    serve(raw_path="/fail")
    assert tap.report() is None
    serve(raw_path="/big")
    assert tap.report() is None
    assert repr(handler).startswith("<fc_adapter.Handler of the WSGI app")
    handler.initialize()
    handler.pre_stop()


async def asgi_app(scope, receive, send):
    if scope["path"] == "/fail":
        raise ValueError("broken")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"body"})
    await asyncio.sleep(0.02)


def test_background_work_of_an_asgi_app():
    _, tap, serve = watched(asgi_app, lifespan="off")
    assert serve()["statusCode"] == 200
    report = tap.report()
    assert report["background"] >= 0.02
    assert (report["status"], report["size"]) == (200, 4)
    assert serve(raw_path="/fail")["statusCode"] == 500
    assert tap.report() is None


def test_errors_come_out_as_they_are():
    _, tap, serve = watched(app, on_error="raise")
    with pytest.raises(ValueError, match="broken"):
        serve(raw_path="/fail")
    assert tap.report() is None


@pytest.mark.parametrize("app_of", [app, asgi_app])
def test_nothing_is_left_of_it(app_of):
    handler = fc_adapter.wrap(app_of, **({"lifespan": "off"} if app_of is asgi_app else {}))
    before = {name: value for name, value in vars(handler).items() if name != "_respond"}
    for _ in range(3):
        tap = Tap(handler)
        assert handler(make_event())["statusCode"] < 300
        tap.close()
        tap.begin()
    assert handler(make_event())["statusCode"] < 300
    assert tap.report() is None
    assert {name: value for name, value in vars(handler).items() if name != "_respond"} == before
    assert handler._respond == handler._server.respond


def test_instances_in_this_process_leave_nothing_at_a_handler():
    handler = fc_adapter.wrap(app)

    class Page(Observer):
        wants_app_responses = True

    for _ in range(3):
        with serve(handler, observer=Page()) as platform:
            urllib.request.urlopen(platform.url).close()
            assert handler._respond != handler._server.respond
    assert handler._respond == handler._server.respond


def test_one_app_behind_two_handlers_is_watched_at_one_of_them():
    _, tap, serve_event = watched(asgi_app, lifespan="off")
    fc_adapter.wrap(asgi_app, lifespan="off")(make_event())
    assert tap.report() is None
    serve_event()
    assert tap.report()["status"] == 200
