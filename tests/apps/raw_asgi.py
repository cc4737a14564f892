"""An ASGI app without a framework: it reports its scope, and answers in ways that frameworks do not let through."""

from __future__ import annotations

import asyncio
import json

from .content import CHUNKS, ETAG, ODD_REPLIES, PLAIN_REPLIES, TEXT, digest, split


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await live(scope, receive, send)
    else:
        await REPLIES.get(scope["path"][len(scope["root_path"]) :], echo)(scope, receive, send)


async def live(scope, receive, send):
    assert await receive() == {"type": "lifespan.startup"}
    # This is one object for the whole life of the server; what a request puts beside it is that request's alone.
    scope["state"]["listeners"] = {}
    await send({"type": "lifespan.startup.complete"})
    assert await receive() == {"type": "lifespan.shutdown"}
    await send({"type": "lifespan.shutdown.complete"})


async def read(receive):
    """The request's body, which may come in several messages."""
    body, more = [], True
    while more:
        message = await receive()
        body.append(message["body"])
        more = message["more_body"]
    return b"".join(body)


async def echo(scope, receive, send):
    """Every key of the scope, as JSON has it, and what the body holds."""
    names = {name for name, _ in scope["headers"]}
    seen = {
        **{key: value for key, value in scope.items() if not key.startswith("fc.")},
        "body": digest(await read(receive)),
        "client": dict(zip(("host", "port"), scope["client"])),
        # Names are in no order, the values of one name are.
        "headers": {
            name.decode("latin-1"): [value.decode("latin-1") for key, value in scope["headers"] if key == name]
            for name in names
        },
        "query_string": scope["query_string"].decode("ascii"),
        "raw_path": scope["raw_path"].decode("ascii"),
        "server": dict(zip(("host", "port"), scope["server"])),
        "state": sorted(scope["state"]),
        "types": {key: type(value).__name__ for key, value in scope.items()},
    }
    scope["state"]["of one request"] = True
    await reply(200, [("content-type", "application/json")], [json.dumps(seen).encode()])(scope, receive, send)


def reply(status, headers, chunks):
    """An app that always answers the same, and reads nothing."""

    async def app(scope, receive, send):
        await send(start(status, headers))
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body"})

    return app


def start(status, headers):
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return {"type": "http.response.start", "status": status, "headers": encoded}


def script(*messages, error=None):
    """An app that sends these messages, and then raises an ``error`` of this class."""

    async def app(scope, receive, send):
        for message in messages:
            await send(message)
        if error:
            raise error("on purpose")

    return app


async def redirect_built(scope, receive, send):
    host = dict(scope["headers"])[b"host"].decode("ascii")
    location = f"{scope['scheme']}://{host}{scope['root_path']}/items/%E4%BD%A0%2F"
    await reply(303, [("location", location)], [])(scope, receive, send)


async def etag(scope, receive, send):
    if ETAG.encode() in dict(scope["headers"]).get(b"if-none-match", b""):
        await reply(304, [("etag", f'"{ETAG}"')], [])(scope, receive, send)
    else:
        await reply(200, [TEXT, ("etag", f'"{ETAG}"')], [b"cached"])(scope, receive, send)


async def reflect(scope, receive, send):
    """The request's body, sent back."""
    content_type = dict(scope["headers"])[b"content-type"].decode("latin-1")
    await reply(200, [("content-type", content_type)], split(await read(receive)))(scope, receive, send)


async def listen(scope, receive, send):
    """A response, or the lack of one, while another task waits for the client to leave."""
    body = await read(receive)

    async def hear():
        return [await receive(), await receive()]

    listener = scope["state"]["listeners"][scope["query_string"]] = asyncio.ensure_future(hear())
    await asyncio.sleep(0)
    if body == b"fail":
        raise RuntimeError("on purpose")
    await reply(200, [TEXT], [b"listening, ", body])(scope, receive, send)
    await listener


async def listened(scope, receive, send):
    """What the listener of an earlier request was told."""
    told = await asyncio.wait_for(scope["state"]["listeners"][scope["query_string"]], 1)
    await reply(200, [("content-type", "application/json")], [json.dumps(told).encode()])(scope, receive, send)


START = start(200, [TEXT])
BODY = {"type": "http.response.body", "body": b"whole"}
HALF = {"type": "http.response.body", "body": b"half", "more_body": True}

REPLIES = {
    "/redirect/built": redirect_built,
    "/etag": etag,
    "/reflect": reflect,
    "/listen": listen,
    "/listened": listened,
    "/chunks": reply(201, [TEXT], CHUNKS),
    "/one-message": script(START, BODY),
    "/no-headers": script({"type": "http.response.start", "status": 200}, BODY),
    "/empty-last": script(START, HALF, {"type": "http.response.body", "body": b"", "more_body": False}),
    "/error": script(error=RuntimeError),
    "/error-after-all": script(START, BODY, error=RuntimeError),
    "/cancelled": script(error=asyncio.CancelledError),
    "/silent": script(),
    "/wrong-first": script(BODY),
    "/more-after-all": script(START, BODY, BODY),
    "/start-after-all": script(START, BODY, START),
    "/error-at-start": script(START, error=RuntimeError),
    "/error-halfway": script(START, HALF, error=RuntimeError),
    "/unfinished": script(START, HALF),
    "/only-started": script(START),
    "/started-twice": script(START, START, BODY),
    "/unknown-message": script(START, {"type": "http.response.unknown"}, BODY),
    "/length-too-small": reply(200, [TEXT, ("content-length", "5")], CHUNKS),
    "/length-too-large": reply(200, [TEXT, ("content-length", "99")], CHUNKS),
    "/body-of-no-content": reply(204, [TEXT], CHUNKS),
    "/line-break": reply(200, [TEXT, ("x-broken", "a\r\nb: c")], CHUNKS),
    **{
        path: reply(int(status[:3]), headers, body)
        for path, (status, headers, body) in {**PLAIN_REPLIES, **ODD_REPLIES}.items()
    },
}
