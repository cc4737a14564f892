"""A Starlette app that reports what it gets, and gives back every kind of response, through every middleware."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from a2wsgi import WSGIMiddleware
from itsdangerous import TimestampSigner
from starlette.applications import Starlette
from starlette.background import BackgroundTasks
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Host, Mount, Route
from starlette.staticfiles import StaticFiles

from .content import (
    CHUNKS,
    COMPRESSED,
    ETAG,
    EVERY_BYTE,
    EXPIRES,
    GBK_PAGE,
    LARGE,
    LONG_HEADERS,
    METHODS,
    digest,
    split,
)
from .files import FILES
from .flask_wsgi import app as flask_app
from .raw_wsgi import app as raw_wsgi_app


async def describe(request):
    """Everything that the app sees of the request."""
    body = await request.body()
    async with request.form() as form:
        fields = {"form": {}, "files": {}}
        for name, value in form.multi_items():
            if isinstance(value, str):
                fields["form"].setdefault(name, []).append(value)
            else:
                fields["files"].setdefault(name, []).append(await describe_file(value))
        return {
            **fields,
            "args": {name: request.query_params.getlist(name) for name in request.query_params},
            "base_url": str(request.base_url),
            "body": digest(body),
            "client": request.client.host,
            "cookies": request.cookies,
            "headers": {name: request.headers.getlist(name) for name in sorted(request.headers)},
            "host": [request.url.hostname, request.url.port],
            "is_secure": request.url.is_secure,
            "method": request.method,
            "path": request.url.path,
            "path_params": request.path_params,
            "root_path": request.scope["root_path"],
            "state": request.state.started,
            "url": str(request.url),
        }


async def describe_file(file):
    content = await file.read()
    return [file.filename, file.content_type, digest(content), file.size, dict(file.headers)]


async def echo(request: Request):
    return JSONResponse(await describe(request))


def redirect_relative(request: Request):
    return RedirectResponse("/echo?next=1&to=%2F")


def redirect_absolute(request: Request):
    return RedirectResponse("http://other.example:8080/a?b=c", 302)


def redirect_built(request: Request):
    return RedirectResponse(request.url_for("items", name="你/好 +").include_query_params(你="好 +"))


async def cookies(request: Request):
    response = PlainTextResponse("three cookies")
    response.set_cookie("first", "1", expires=EXPIRES, httponly=True)
    response.set_cookie("second", "a, b; c", path="/items", samesite="lax", secure=True)
    response.set_cookie("third", max_age=0)  # delete_cookie() adds the time of day
    return response


async def headers(request: Request):
    response = PlainTextResponse("many headers")
    response.headers.append("X-Many", "one")
    response.headers.append("X-Many", "two, three")
    response.headers.append("Link", '</a.css>; rel="preload"')
    response.headers.append("Link", '</b.js>; rel="preload"')
    response.headers["X-Text"] = "你好".encode().decode("latin-1")
    response.headers.add_vary_header("Cookie")
    response.headers.add_vary_header("Accept")
    return response


async def long_headers(request: Request):
    return PlainTextResponse("long headers", headers=LONG_HEADERS)


async def no_content(request: Request):
    return Response(status_code=204)


async def etag(request: Request):
    headers = {"ETag": f'"{ETAG}"'}
    if headers["ETag"] in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    return PlainTextResponse("cached", headers=headers)


async def error(request: Request):
    raise RuntimeError("on purpose")


async def teapot(request: Request):
    raise HTTPException(418, "茶壶", headers={"X-Reason": "tea"})


def every_byte(request: Request):
    return Response(EVERY_BYTE, media_type="image/png")


async def gbk(request: Request):
    return Response(GBK_PAGE, headers={"Content-Type": "text/html; charset=gbk"})


async def compressed(request: Request):
    return PlainTextResponse(COMPRESSED, headers={"Content-Encoding": "gzip"})


async def empty(request: Request):
    return HTMLResponse()


async def stream(request: Request):
    async def chunks():
        for chunk in CHUNKS:
            await asyncio.sleep(0)
            yield chunk

    return StreamingResponse(chunks(), media_type="text/plain")


def stream_from_thread(request: Request):
    """Starlette takes each item of an iterator that is not asynchronous in a thread."""
    return StreamingResponse(iter(CHUNKS), media_type="application/octet-stream")


async def events(request: Request):
    """Server-sent events, which end."""

    async def messages():
        for number in range(3):
            await asyncio.sleep(0.001)
            yield f"event: 消息\nid: {number}\ndata: {{}}\n\n"

    return StreamingResponse(messages(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def large(request: Request):
    return Response(LARGE, media_type="application/octet-stream")


async def download(request: Request):
    return FileResponse(FILES / "every byte.bin", media_type="application/zip", filename="文件.zip")


async def chinese_json(request: Request):
    return Response('{"你": "好\\u0000 𝄞"}', media_type="application/json")


async def untyped(request: Request):
    return Response("no type")


async def untyped_empty(request: Request):
    return Response()


REPLIES = {
    "/redirect/relative": redirect_relative,
    "/redirect/absolute": redirect_absolute,
    "/redirect/built": redirect_built,
    "/cookies": cookies,
    "/headers": headers,
    "/long-headers": long_headers,
    "/no-content": no_content,
    "/etag": etag,
    "/error": error,
    "/teapot": teapot,
    "/bytes": every_byte,
    "/gbk": gbk,
    "/compressed": compressed,
    "/empty": empty,
    "/stream": stream,
    "/stream-from-thread": stream_from_thread,
    "/events": events,
    "/large": large,
    "/download": download,
    "/json": chinese_json,
    "/untyped": untyped,
    "/untyped-empty": untyped_empty,
}


async def reflect(request: Request):
    """The request's body, sent back."""
    body = b"".join([chunk async for chunk in request.stream()])
    return StreamingResponse(iter(split(body)), media_type=request.headers["Content-Type"])


class Work:
    """What background tasks have done for a request, for a later one to see."""

    def __init__(self):
        self.steps = []
        self.done = asyncio.Event()

    async def start(self, request):
        await asyncio.sleep(0.01)
        self.steps.append(request.url.path)

    def go_on_in_a_thread(self, text):
        self.steps.append(text)

    async def finish(self):
        self.steps.append("finish")
        self.done.set()


def plan(request, tasks):
    """Add background work to ``tasks``: a coroutine function, a function and another coroutine function."""
    work = request.state.works[request.query_params["key"]] = Work()
    tasks.add_task(work.start, request)
    tasks.add_task(work.go_on_in_a_thread, text="线程")
    tasks.add_task(work.finish)


async def work(request: Request):
    tasks = BackgroundTasks()
    plan(request, tasks)
    return PlainTextResponse("accepted", 202, background=tasks)


async def worked(request: Request):
    """What the background tasks of an earlier request have done, once they are done."""
    work = request.state.works[request.query_params["key"]]
    await work.done.wait()
    return JSONResponse(work.steps)


async def visit(request: Request):
    """Count the session's visits; ``/visit?forget`` ends it."""
    if "forget" in request.query_params:
        request.session.clear()
    else:
        request.session["visits"] = [*request.session.get("visits", []), request.query_params.get("name", "无名")]
    return JSONResponse(dict(request.session))


class Things(HTTPEndpoint):
    """A class with a method for each method but HEAD, which Starlette answers with GET's."""

    async def get(self, request):
        return PlainTextResponse("got")

    async def post(self, request):
        return JSONResponse(await request.json(), 201, headers={"Location": "/things/1"})


class Measure(BaseHTTPMiddleware):
    """Reads the request before the app does, and changes the response."""

    async def dispatch(self, request, call_next):
        request.state.measured = digest(await request.body())
        response = await call_next(request)
        response.headers["X-Measured"] = request.state.measured
        return response


class Refuse(BaseHTTPMiddleware):
    """Answers in the app's place, or passes a parameter on to it and its own error up."""

    async def dispatch(self, request, call_next):
        if "refuse" in request.query_params:
            return PlainTextResponse("refused", 403)
        response = await call_next(request)
        response.headers["X-Refused"] = f"no, {request.state.measured}"
        if "late-error" in request.query_params:
            raise RuntimeError("on purpose")
        return response


class TimelessSigner(TimestampSigner):
    """Signs as if it were always the same second, so that both processes give the same cookie."""

    def get_timestamp(self):
        return 1_893_456_000


class TimelessSessions(SessionMiddleware):
    """Sessions whose cookie depends on their content alone."""

    def __init__(self, app, **options):
        super().__init__(app, secret_key="under test", **options)
        self.signer = TimelessSigner("under test")


@asynccontextmanager
async def lifespan(app):
    yield {"started": "已启动", "works": {}}


CONTENT = [
    Route("/", echo, methods=METHODS),
    Route("/echo", echo, methods=METHODS, name="echo"),
    Route("/items/{name:path}", echo, methods=METHODS, name="items"),
    Route("/numbers/{number:int}", echo),
    Route("/folder/", echo, methods=METHODS),
    Route("/leaf", echo),
    Route("/reflect", reflect, methods=["POST"]),
    Route("/work", work, methods=["POST"]),
    Route("/worked", worked),
    Route("/things", Things),
    *(Route(path, endpoint) for path, endpoint in REPLIES.items()),
]

CORS = Middleware(
    CORSMiddleware,
    allow_origins=["https://friend.example"],
    allow_methods=["GET", "PUT"],
    allow_headers=["X-Custom"],
    allow_credentials=True,
    expose_headers=["X-Many"],
    max_age=60,
)
GZIP = Middleware(GZipMiddleware, minimum_size=100)
SESSIONS = Middleware(TimelessSessions, https_only=True)
TWO = [Middleware(Measure), Middleware(Refuse)]
TRUSTED = Middleware(TrustedHostMiddleware, allowed_hosts=["example.com", "*.example.com"])

app = Starlette(
    routes=[
        Mount("/sub", routes=CONTENT, name="sub"),
        Mount("/app", Starlette(routes=CONTENT)),
        Mount("/debug", Starlette(debug=True, routes=CONTENT)),
        Mount("/cors", routes=CONTENT, middleware=[CORS]),
        Mount("/gzip", routes=CONTENT, middleware=[GZIP]),
        Mount("/two", routes=CONTENT, middleware=TWO),
        Mount("/sessions", routes=[Route("/visit", visit), *CONTENT], middleware=[SESSIONS]),
        Mount("/all", routes=[Route("/visit", visit), *CONTENT], middleware=[CORS, GZIP, SESSIONS, *TWO]),
        Mount("/trusted", routes=CONTENT, middleware=[TRUSTED]),
        Mount("/https", routes=CONTENT, middleware=[Middleware(HTTPSRedirectMiddleware)]),
        Mount("/files", StaticFiles(directory=FILES), name="files"),
        Mount("/site", StaticFiles(directory=FILES, html=True)),
        Mount("/flask", WSGIMiddleware(flask_app)),
        Mount("/wsgi", WSGIMiddleware(raw_wsgi_app)),
        Host("sub.example", Starlette(routes=[Route("/items/{name:path}", echo)])),
        *CONTENT,
    ],
    lifespan=lifespan,
)
