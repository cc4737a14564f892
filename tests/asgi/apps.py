"""Small ASGI apps, and ways to call them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from fc_adapter import wrap
from tests.conftest import make_event

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}


END = {"type": "http.response.body", "body": b"done"}


OK = {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "isBase64Encoded": False, "body": "done"}


async def hello(scope, receive, send):
    """Answer every request alike."""
    await send(START)
    await send(END)


def app_of(*messages):
    """An app that sends these messages."""

    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    return app


def handle(app, event=None, context=None, **options):
    """One invocation of ``app``, whose handler is stopped afterwards."""
    handler = wrap(app, **{"lifespan": "off", **options})
    try:
        return handler(event or make_event(), context)
    finally:
        handler.pre_stop()


def scope_of(event=None, **options):
    """The scope that an app sees."""
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)
        await hello(scope, receive, send)

    assert handle(app, event, **options) == OK
    return seen[0]


MORE = {"type": "http.response.body", "body": b"half", "more_body": True}


# ---- background work -------------------------------------------------------------------------------------------------


def background_app(work, name=None):
    """An app that answers, and leaves ``work()`` running in a task."""

    async def app(scope, receive, send):
        task = asyncio.ensure_future(work())
        if name:
            task.set_name(name)
        await hello(scope, receive, send)

    return app


# ---- the deadline ----------------------------------------------------------------------------------------------------


def context_with(timeout):
    return SimpleNamespace(request_id="1-late", function=SimpleNamespace(timeout=timeout))


async def sleeping(scope, receive, send):
    await asyncio.sleep(60)
