"""A Falcon app as ASGI, which reports what it gets, and gives back every kind of response."""

from __future__ import annotations

import falcon.asgi

from .content import CHUNKS, digest
from .falcon_site import FORMS, REPLIES, describe, describe_form, describe_part


class Echo:
    """Everything that the app sees of the request."""

    async def on_get(self, req, resp, **route):
        resp.media = describe(req, route, **await self.read(req))

    on_post = on_put = on_patch = on_delete = on_options = on_head = on_get

    async def read(self, req):
        media_type = (req.content_type or "").partition(";")[0]
        if media_type not in FORMS:
            return {"body": digest(await req.stream.read())}
        media = await req.get_media()
        if media_type == falcon.MEDIA_URLENCODED:
            return {"form": describe_form(media)}
        fields = {"form": {}, "files": {}}
        async for part in media:
            kind, value = describe_part(part, await part.stream.read())
            fields[kind].setdefault(part.name, []).append(value)
        return fields


class Leaf:
    """The same for GET alone."""

    on_get = Echo.on_get
    read = Echo.read


class Stream:
    """A body that is made while it is sent."""

    async def on_get(self, req, resp):
        async def chunks():
            for chunk in CHUNKS:
                yield chunk

        resp.content_type = falcon.MEDIA_TEXT
        resp.stream = chunks()

    on_head = on_get


class Reply:
    """An answer that depends on no body."""

    def __init__(self, answer):
        self.answer = answer

    async def on_get(self, req, resp):
        self.answer(req, resp)

    on_head = on_get


app = falcon.asgi.App()
for path in ("/", "/echo", "/items/{name:path}", "/folder/"):
    app.add_route(path, Echo())
for path in ("/leaf", "/numbers/{number:int}"):
    app.add_route(path, Leaf())
app.add_route("/stream", Stream())
for path, answer in REPLIES.items():
    app.add_route(path, Reply(answer))
