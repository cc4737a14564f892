"""A Pyramid app that reports what it gets, and gives back every kind of response."""

from __future__ import annotations

import sys

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPFound, HTTPNoContent, HTTPSeeOther, HTTPTemporaryRedirect
from pyramid.response import FileResponse, Response
from pyramid.view import exception_view_config, view_config

from .content import CHUNKS, COMPRESSED, ETAG, EVERY_BYTE, GBK_PAGE, LARGE, LONG_HEADERS, METHODS, digest
from .files import FILES


def lists(multidict):
    """Each name of a MultiDict with all of its values."""
    return {name: multidict.getall(name) for name in multidict}


@view_config(route_name="root", request_method=METHODS, renderer="json")
@view_config(route_name="echo", request_method=METHODS, renderer="json")
@view_config(route_name="items", request_method=METHODS, renderer="json")
@view_config(route_name="numbers", renderer="json")
@view_config(route_name="folder", request_method=METHODS, renderer="json")
@view_config(route_name="leaf", request_method="GET", renderer="json")
def echo(request):
    """Everything that the app sees of the request."""
    fields = lists(request.POST)
    files = {name: [value for value in values if hasattr(value, "filename")] for name, values in fields.items()}
    # A file input without a file is b"".
    form = {name: [value or "" for value in values if value not in files[name]] for name, values in fields.items()}
    return {
        "application_url": request.application_url,
        "args": lists(request.GET),
        "authorization": request.authorization,
        "body": digest(request.body),
        "content_type": request.content_type,
        "cookies": dict(request.cookies),
        "files": {
            name: [[file.filename, file.type, digest(file.file.read())] for file in values]
            for name, values in files.items()
            if values
        },
        "form": {name: values for name, values in form.items() if values},
        "headers": dict(request.headers),
        "host": request.host,
        "method": request.method,
        "path": request.path,
        "path_info": request.path_info,
        "remote_addr": request.remote_addr,
        "route": request.matchdict,
        "scheme": request.scheme,
        "script_name": request.script_name,
        "url": request.url,
    }


@view_config(route_name="redirect/relative")
def redirect_relative(request):
    return HTTPFound("/echo?next=1&to=%2F")


@view_config(route_name="redirect/absolute")
def redirect_absolute(request):
    return HTTPTemporaryRedirect("http://other.example:8080/a?b=c")


@view_config(route_name="redirect/built")
def redirect_built(request):
    return HTTPSeeOther(request.route_url("items", name=("你", "好 +"), _query={"你": "好 +"}))


@view_config(route_name="cookies", renderer="string")
def cookies(request):
    request.response.set_cookie("first", "1", httponly=True)  # an expiry would add the time of day
    request.response.set_cookie("second", "2", path="/items", samesite="lax", secure=True)
    request.response.delete_cookie("third")
    return "three cookies"


@view_config(route_name="headers", renderer="string")
def headers(request):
    headers = request.response.headers
    headers.add("X-Many", "one")
    headers.add("X-Many", "two, three")
    headers.add("Link", '</a.css>; rel="preload"')
    headers.add("Link", '</b.js>; rel="preload"')
    headers["X-Text"] = "你好".encode().decode("latin-1")
    request.response.vary = ("Cookie", "Accept")
    return "many headers"


@view_config(route_name="long-headers", renderer="string")
def long_headers(request):
    request.response.headers.update(LONG_HEADERS)
    return "long headers"


@view_config(route_name="no-content")
def no_content(request):
    return HTTPNoContent()


@view_config(route_name="etag")
def etag(request):
    return Response("cached", content_type="text/plain", charset="utf-8", etag=ETAG, conditional_response=True)


@view_config(route_name="error")
def error(request):
    raise RuntimeError("on purpose")


@view_config(route_name="bytes")
def every_byte(request):
    return Response(EVERY_BYTE, content_type="image/png")


@view_config(route_name="gbk")
def gbk(request):
    return Response(GBK_PAGE, content_type="text/html", charset="gbk")


@view_config(route_name="compressed")
def compressed(request):
    return Response(COMPRESSED, content_type="text/plain", charset="utf-8", content_encoding="gzip")


@view_config(route_name="empty")
def empty(request):
    return Response()


@view_config(route_name="stream")
def stream(request):
    return Response(app_iter=(chunk for chunk in CHUNKS), content_type="text/plain", charset="utf-8")


@view_config(route_name="large")
def large(request):
    return Response(LARGE, content_type="application/octet-stream")


@view_config(route_name="download", request_method="GET")
def download(request):
    response = FileResponse(FILES / "every byte.bin", request, content_type="application/zip")
    response.content_disposition = "attachment; filename*=UTF-8''%E6%96%87%E4%BB%B6.zip"
    return response


@view_config(route_name="json")
def chinese_json(request):
    return Response('{"你": "好\\u0000 𝄞"}', content_type="application/json", charset="utf-8")


@view_config(route_name="untyped")
def untyped(request):
    response = Response("no type")
    del response.content_type
    return response


@view_config(route_name="untyped-empty")
def untyped_empty(request):
    response = Response()
    del response.content_type
    return response


@exception_view_config(Exception, renderer="string")
def failed(error, request):
    request.response.status = 500
    return f"出错 {type(error).__name__}"


NAMES = (
    *("redirect/relative", "redirect/absolute", "redirect/built", "cookies", "headers", "long-headers", "no-content"),
    *("etag", "error", "bytes", "gbk", "compressed", "empty", "stream", "large", "download", "json", "untyped"),
    *("untyped-empty", "echo", "leaf"),
)

with Configurator() as config:
    config.add_route("root", "/")
    config.add_route("items", "/items/*name")
    config.add_route("numbers", r"/numbers/{number:\d+}")
    config.add_route("folder", "/folder/")
    for name in NAMES:
        config.add_route(name, f"/{name}")
    config.add_notfound_view(append_slash=True)
    config.scan(sys.modules[__name__])
    app = config.make_wsgi_app()
