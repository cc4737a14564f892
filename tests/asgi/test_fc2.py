"""ASGI 2 apps, and calls that are WSGI, as FC 2.0 makes them."""

from __future__ import annotations

import asyncio
import io
import json
from types import SimpleNamespace

import pytest

from fc_adapter import AppError, wrap
from tests.asgi.apps import MORE, OK, START, app_of, handle, hello

# ---- other contracts -------------------------------------------------------------------------------------------------


class DoubleCallable:
    """ASGI 2."""

    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        await hello(self.scope, receive, send)


def test_asgi2():
    assert handle(DoubleCallable) == OK
    assert handle(lambda scope: DoubleCallable(scope), interface="asgi") == OK


def wsgi_environ(path="/x", **fields):
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "a=1",
        "SERVER_NAME": "h.example",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(b"body"),
        "CONTENT_LENGTH": "4",
        "fc.context": SimpleNamespace(request_id="1-fc2"),
        **fields,
    }


def test_fc2_call():
    done = []

    async def work():
        await asyncio.sleep(0.01)
        done.append(True)

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["pool"] = "open"
            await send({"type": "lifespan.startup.complete"})
            await receive()
        else:
            asyncio.ensure_future(work())
            assert await receive() == {"type": "http.request", "body": b"body", "more_body": False}
            seen = {key: scope[key] for key in ("path", "root_path", "client", "state", "fc.request_id")}
            await send(START)
            await send({"type": "http.response.body", "body": json.dumps(seen).encode()})

    handler = wrap(app, base_path="/api")
    started = []
    body = b"".join(handler(wsgi_environ("/api/x", REMOTE_ADDR="1.2.3.4"), lambda *start: started.append(start[:2])))
    assert started == [("200 OK", [("content-type", "text/plain")])]
    assert json.loads(body) == {
        "path": "/api/x",
        "root_path": "/api",
        "client": ["1.2.3.4", 0],
        "state": {"pool": "open"},
        "fc.request_id": "1-fc2",
    }
    assert done == [True]
    handler.pre_stop()


@pytest.mark.parametrize("app", [app_of(), app_of(START, MORE), app_of({**START, "headers": 5})])
def test_fc2_call_that_fails(app, caplog):
    handler = wrap(app, lifespan="off")
    started = []
    assert handler(wsgi_environ(), lambda *start: started.append(start[:2])) == [b"Internal Server Error"]
    assert started == [("500 Internal Server Error", [("Content-Type", "text/plain; charset=utf-8")])]
    assert "request 1-fc2 failed with " in caplog.text
    handler.pre_stop()
    with pytest.raises((AppError, TypeError)):
        handle(app, wsgi_environ(), lambda *start: None, on_error="raise")


def test_fc2_call_that_exits():
    async def app(scope, receive, send):
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        handle(app, wsgi_environ(), lambda *start: None)


def test_fc2_call_without_a_body_or_a_known_status():
    messages = {"type": "http.response.start", "status": 299}, {"type": "http.response.body"}
    started = []
    assert handle(app_of(*messages), wsgi_environ(**{"wsgi.input": None}), lambda *start: started.append(start)) == [
        b""
    ]
    assert started == [("299 Unknown", [])]
