"""What an instance tells of a wrapped app, and that the app does not notice."""

from __future__ import annotations

import asyncio

import pytest

import fc_adapter
from fc_adapter.runner.probe import Probe
from tests.conftest import make_event


def watched(app, **options):
    handler = fc_adapter.wrap(app, **options)
    probe = Probe(handler)

    def serve(**fields):
        probe.begin()
        return handler(make_event(**fields))

    return handler, probe, serve


def app(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("broken")
    headers = [("X-Big", "x" * 70_000)] if environ["PATH_INFO"] == "/big" else [("Set-Cookie", "a=1")]
    start_response("201 Created", headers)
    return [b"body"]


def test_answer_of_a_wsgi_app():
    handler, probe, serve = watched(app)
    assert probe.report() is None
    assert serve()["statusCode"] == 201
    assert probe.report() == {"status": 201, "headers": (("Set-Cookie", "a=1"),), "size": 4, "background": None}
    serve(raw_path="/fail")
    assert probe.report() is None
    serve(raw_path="/big")
    assert probe.report() is None
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
    _, probe, serve = watched(asgi_app, lifespan="off")
    assert serve()["statusCode"] == 200
    report = probe.report()
    assert report["background"] >= 0.02
    assert (report["status"], report["size"]) == (200, 4)
    assert serve(raw_path="/fail")["statusCode"] == 500
    assert probe.report() is None


def test_errors_come_out_as_they_are():
    _, probe, serve = watched(app, on_error="raise")
    with pytest.raises(ValueError, match="broken"):
        serve(raw_path="/fail")
    assert probe.report() is None
