"""The tests of that function, as its author writes them, with types."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Any, Dict, Optional  # noqa: UP035 - what assert_type() is told is evaluated, on Python 3.9 too
from urllib.request import urlopen

import httpx
import pytest
from typing_extensions import assert_type

import fc_adapter
import fc_adapter.testing
from fc_adapter import AdapterError, AppError, ConfigError, DeadlineError, EventError
from fc_adapter.runner import serve
from fc_adapter.testing import Client, Transport

from .index import asgi_handler, handler, initialize, pre_stop, wsgi_app


def test_client() -> None:
    client = Client(handler, context="a context", custom_domain=True)
    response = client.post("/api/items", data={"name": "你好"}, files={"file": (BytesIO(b"content"), "name.txt")})
    assert_type(response.status_code, int)
    assert_type(response.text, str)
    assert_type(response.event, Optional[Dict[str, Any]])  # noqa: UP006
    assert response.event is not None
    assert response.event["rawPath"] == "/api/items"
    assert response.result["statusCode"] == 200
    assert response.text.endswith(" dict a context")
    for send in (client.get, client.put, client.patch, client.delete, client.head, client.options, client.trace):
        assert_type(send("/api").event, Optional[Dict[str, Any]])  # noqa: UP006


def test_httpx() -> None:
    transport = Transport(asgi_handler, context=None, custom_domain=False)
    with httpx.Client(transport=transport, base_url="https://example.com") as client:
        assert client.get("/").status_code == 204

    async def get() -> int:
        async with httpx.AsyncClient(transport=transport, base_url="https://example.com") as client:
            return (await client.get("/")).status_code

    assert asyncio.run(get()) == 204


def test_server() -> None:
    with serve(handler, port=0) as server:
        assert_type(server.url, str)
        with urlopen(f"{server.url}/api") as response:
            assert response.status == 200


def test_hooks_and_other_events() -> None:
    initialize(None)
    assert handler(b'{"triggerName": "timer"}', None) == {"length": 24}
    pre_stop(None)


def test_errors() -> None:
    errors: list[type[AdapterError]] = [AppError, ConfigError, DeadlineError, EventError]
    with pytest.raises(AdapterError) as info:
        fc_adapter.wrap(wsgi_app, interface="neither")  # type: ignore[arg-type]
    assert [type(info.value) is error for error in errors] == [False, True, False, False]


def test_mistakes_are_seen_before_they_are_made() -> None:
    """mypy, whose strictness has no ignored error that is none, sees to it that it finds each."""
    with pytest.raises(AttributeError):
        fc_adapter.warp(wsgi_app)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        fc_adapter.testing.Clint(handler)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        handler.initialise()  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        fc_adapter.wrap(wsgi_app, basepath="/api")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Client(handler, "a context")  # type: ignore[call-arg]
