"""Apps that do next to nothing: they answer a POST with JSON, and a GET with a page."""

from __future__ import annotations

import json

PAGE = ("<!doctype html><title>你好</title>" + "<p>一段文字 and some text</p>" * 40).encode()
_PAGE_LENGTH = str(len(PAGE))


def answer_json(body):
    """The JSON that answers a JSON body."""
    return json.dumps({"ok": True, "count": json.loads(body)["count"] + 1}).encode()


def wsgi_app(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        body = answer_json(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", _PAGE_LENGTH),
        ("Cache-Control", "no-cache"),
        ("Set-Cookie", "seen=2; Path=/; HttpOnly"),
    ]
    start_response("200 OK", headers)
    return [PAGE]


async def asgi_app(scope, receive, send):
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    if scope["method"] == "POST":
        body = answer_json(await _read(receive))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    else:
        body = PAGE
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", _PAGE_LENGTH.encode()),
            (b"cache-control", b"no-cache"),
            (b"set-cookie", b"seen=2; Path=/; HttpOnly"),
        ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _live(receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _read(receive):
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def wsgi_upload(environ, start_response):
    """Reads a body, and answers with its length."""
    length = str(len(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(length)))])
    return [length]


async def asgi_upload(scope, receive, send):
    """Reads a body, and answers with its length."""
    length = str(len(await _read(receive))).encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(length)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": length})


def make_wsgi_download(body, content_type):
    """An app that answers with ``body``."""

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [body]

    return app


def make_asgi_download(body, content_type):
    """An app that answers with ``body``."""

    async def app(scope, receive, send):
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
