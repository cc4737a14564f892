"""A Django site that reports what it gets, and gives back every kind of response.

Settings belong to a process: whatever needs Django under test imports this module, which Python runs once.
"""

from __future__ import annotations

import asyncio
from io import BytesIO

import django
from django.conf import settings
from django.http import FileResponse, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.urls import path, reverse
from django.views.decorators.http import etag, require_safe

from .content import CHUNKS, COMPRESSED, ETAG, EVERY_BYTE, EXPIRES, GBK_PAGE, LARGE, LONG_HEADERS, digest

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATA_UPLOAD_MAX_MEMORY_SIZE=None,
    LOGGING_CONFIG=None,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="under test",
    USE_TZ=True,
)
django.setup()


def echo(request, **route):
    """Everything that the app sees of the request."""
    body = request.body
    return JsonResponse(
        {
            "absolute_uri": request.build_absolute_uri(),
            "args": dict(request.GET.lists()),
            "body": digest(body),
            "content_type": request.content_type,
            "cookies": request.COOKIES,
            "files": {
                field: [[file.name, file.content_type, digest(file.read())] for file in files]
                for field, files in request.FILES.lists()
            },
            "form": dict(request.POST.lists()),
            "full_path": request.get_full_path(),
            "headers": dict(request.headers),
            "host": request.get_host(),
            "is_secure": request.is_secure(),
            "method": request.method,
            "path": request.path,
            "path_info": request.META["PATH_INFO"],
            "remote_addr": request.META["REMOTE_ADDR"],
            "route": route,
            "scheme": request.scheme,
            "script_name": request.META["SCRIPT_NAME"],
        }
    )


def redirect_relative(request):
    return HttpResponseRedirect("/echo?next=1&to=%2F")


def redirect_absolute(request):
    return HttpResponseRedirect("http://other.example:8080/a?b=c")


def redirect_built(request):
    return HttpResponseRedirect(request.build_absolute_uri(reverse("items", kwargs={"name": "你/好 +"})))


def cookies(request):
    response = HttpResponse("three cookies", content_type="text/plain")
    response.set_cookie("first", "1", expires=EXPIRES.strftime("%a, %d %b %Y %H:%M:%S GMT"), httponly=True)
    response.set_cookie("second", "a, b; c", path="/items", samesite="Lax", secure=True)
    response.delete_cookie("third")
    return response


def headers(request):
    response = HttpResponse("many headers", content_type="text/plain")
    response["X-Many"] = "one, two"
    response["X-Text"] = "你好".encode().decode("latin-1")
    response["X-Mime"] = "你好"
    response["Vary"] = "Cookie, Accept"
    return response


def long_headers(request):
    return HttpResponse("long headers", headers=LONG_HEADERS)


def reflect(request):
    return HttpResponse(request.body, content_type=request.content_type)


async def events(request):
    """What only ASGI serves as it is: a view and a body that are asynchronous."""

    async def messages():
        for number in range(3):
            await asyncio.sleep(0.001)
            yield f"data: 消息 {number}\n\n"

    return StreamingHttpResponse(messages(), content_type="text/event-stream")


def no_content(request):
    return HttpResponse(status=204)


@etag(lambda request: f'"{ETAG}"')
def cached(request):
    return HttpResponse("cached", content_type="text/plain")


def error(request):
    raise RuntimeError("on purpose")


def every_byte(request):
    return HttpResponse(EVERY_BYTE, content_type="image/png")


def gbk(request):
    return HttpResponse(GBK_PAGE, content_type="text/html; charset=gbk")


def compressed(request):
    response = HttpResponse(COMPRESSED, content_type="text/plain; charset=utf-8")
    response["Content-Encoding"] = "gzip"
    return response


def empty(request):
    return HttpResponse()


def stream(request):
    return StreamingHttpResponse((chunk for chunk in CHUNKS), content_type="text/plain; charset=utf-8")


def large(request):
    return HttpResponse(LARGE, content_type="application/octet-stream")


@require_safe
def download(request):
    return FileResponse(BytesIO(EVERY_BYTE), as_attachment=True, filename="文件.zip", content_type="application/zip")


def chinese_json(request):
    return HttpResponse('{"你": "好\\u0000 𝄞"}', content_type="application/json")


def untyped(request):
    response = HttpResponse("no type")
    del response["Content-Type"]
    return response


def untyped_empty(request):
    response = HttpResponse()
    del response["Content-Type"]
    return response


urlpatterns = [
    path("", echo),
    path("echo", echo),
    path("items/<path:name>", echo, name="items"),
    path("numbers/<int:number>", echo),
    path("folder/", echo),
    path("leaf", echo),
    path("redirect/relative", redirect_relative),
    path("redirect/absolute", redirect_absolute),
    path("redirect/built", redirect_built),
    path("cookies", cookies),
    path("headers", headers),
    path("long-headers", long_headers),
    path("reflect", reflect),
    path("events", events),
    path("no-content", no_content),
    path("etag", cached),
    path("error", error),
    path("bytes", every_byte),
    path("gbk", gbk),
    path("compressed", compressed),
    path("empty", empty),
    path("stream", stream),
    path("large", large),
    path("download", download),
    path("json", chinese_json),
    path("untyped", untyped),
    path("untyped-empty", untyped_empty),
]
