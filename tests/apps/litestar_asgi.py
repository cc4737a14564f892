"""A Litestar app that reports what it gets, and gives back every kind of response."""

from __future__ import annotations

from functools import partial
from typing import Any, Dict  # noqa: UP035 - Litestar evaluates annotations, on Python 3.9 too

from litestar import Litestar, MediaType, Request, Response, get, route
from litestar.datastructures import UploadFile
from litestar.response import File, Redirect, Stream

from .content import CHUNKS, COMPRESSED, ETAG, EVERY_BYTE, GBK_PAGE, LARGE, LONG_HEADERS, METHODS, digest
from .files import FILES

reply = partial(route, http_method=["GET", "HEAD"], status_code=200)


@route(["/", "/echo", "/items/{rest:path}", "/folder/"], http_method=METHODS, status_code=200, name="echo")
async def echo(request: Request) -> Dict[str, Any]:  # noqa: UP006
    """Everything that the app sees of the request."""
    body = await request.body()
    fields: Dict[str, Any] = {"form": {}, "files": {}}  # noqa: UP006
    for name, value in (await request.form()).multi_items():
        if isinstance(value, UploadFile):
            file = [value.filename, value.content_type, digest(await value.read())]
            fields["files"].setdefault(name, []).append(file)
        else:
            fields["form"].setdefault(name, []).append(value)
    return {
        **fields,
        "args": request.query_params.dict(),
        "base_url": str(request.base_url),
        "body": digest(body),
        "client": request.client.host,
        "content_type": request.content_type,
        "cookies": request.cookies,
        "headers": {name: request.headers.getall(name) for name in request.headers},
        "method": request.method,
        "path": request.url.path,
        "route": {name: str(value) for name, value in request.path_params.items()},
        "scheme": request.url.scheme,
        "url": str(request.url),
    }


@get("/leaf")
async def leaf() -> str:
    return "leaf"


@get("/numbers/{number:int}")
async def numbers(request: Request) -> int:
    return request.path_params["number"]


@reply("/redirect/relative", status_code=302)
async def redirect_relative() -> Redirect:
    return Redirect("/echo?next=1&to=%2F")


@reply("/redirect/absolute", status_code=307)
async def redirect_absolute() -> Redirect:
    return Redirect("http://other.example:8080/a?b=c", status_code=307)


@reply("/redirect/built", status_code=303)
async def redirect_built(request: Request) -> Redirect:
    url = request.url_for("echo", rest="你/好 +")
    return Redirect(url, status_code=303, query_params={"你": "好 +"})


@reply("/cookies", media_type=MediaType.TEXT)
async def cookies() -> Response[str]:
    response = Response("three cookies")
    response.set_cookie("first", "1", httponly=True)
    response.set_cookie("second", "a, b; c", path="/items", samesite="strict", secure=True)
    response.set_cookie("third", max_age=0)  # delete_cookie() adds the time of day
    return response


@reply("/headers", media_type=MediaType.TEXT)
async def headers() -> Response[str]:
    """A header that repeats is beyond it: its responses have a dict of them."""
    headers = {"X-Many": "one, two", "X-Text": "你好".encode().decode("latin-1"), "Vary": "Cookie, Accept"}
    return Response("many headers", headers=headers)


@reply("/long-headers", media_type=MediaType.TEXT)
async def long_headers() -> Response[str]:
    return Response("long headers", headers=LONG_HEADERS)


@reply("/no-content", status_code=204)
async def no_content() -> None:
    """Return nothing."""


@reply("/etag", media_type=MediaType.TEXT)
async def etag(request: Request) -> Response[str]:
    headers = {"ETag": f'"{ETAG}"'}
    if headers["ETag"] in request.headers.get("If-None-Match", ""):
        return Response("", status_code=304, headers=headers)
    return Response("cached", headers=headers)


@reply("/error")
async def error() -> None:
    raise RuntimeError("on purpose")


@reply("/bytes", media_type="image/png")
async def every_byte() -> bytes:
    return EVERY_BYTE


@reply("/gbk", media_type=MediaType.HTML)
async def gbk() -> Response[str]:
    return Response(GBK_PAGE.decode("gbk"), encoding="gbk")


@reply("/compressed", media_type=MediaType.TEXT, response_headers={"Content-Encoding": "gzip"})
async def compressed() -> bytes:
    return COMPRESSED


@reply("/empty", media_type=MediaType.TEXT)
async def empty() -> str:
    return ""


@reply("/stream", media_type=MediaType.TEXT)
async def stream() -> Stream:
    async def chunks():
        for chunk in CHUNKS:
            yield chunk

    return Stream(chunks())


@reply("/large", media_type="application/octet-stream")
async def large() -> bytes:
    return LARGE


@reply("/download", media_type="application/zip")
async def download() -> File:
    return File(FILES / "every byte.bin", filename="文件.zip")


@reply("/json")
async def chinese_json() -> Dict[str, str]:  # noqa: UP006
    return {"你": "好\0 𝄞"}


app = Litestar(
    [
        *(echo, leaf, numbers, redirect_relative, redirect_absolute, redirect_built, cookies, headers, long_headers),
        *(no_content, etag, error, every_byte, gbk, compressed, empty, stream, large, download, chinese_json),
    ],
    openapi_config=None,
)
