"""A Bottle app that reports what it gets, and gives back every kind of response."""

from __future__ import annotations

from urllib.parse import quote

from bottle import Bottle, HTTPResponse, redirect, request, response

from .content import CHUNKS, COMPRESSED, ETAG, EVERY_BYTE, EXPIRES, GBK_PAGE, LARGE, LONG_HEADERS, METHODS, digest

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

app = Bottle()


def lists(multidict):
    """Each name of a FormsDict with all of its values, in Unicode."""
    decoded = multidict.decode()
    return {name: decoded.getall(name) for name in decoded}


def describe_file(file):
    return [file.raw_filename, file.content_type, digest(file.file.read())]


@app.route("/", METHODS)
@app.route("/echo", METHODS)
@app.route("/items/<name:path>", METHODS, name="items")
@app.route("/numbers/<number:int>")
@app.route("/folder/", METHODS)
@app.route("/leaf")
def echo(**route):
    """Everything that the app sees of the request."""
    form, files = {}, {}
    if request.content_type.startswith(FORMS):  # Bottle takes any other body for a urlencoded form
        form = lists(request.forms)
        for field in request.files:
            files[field] = [describe_file(file) for file in request.files.getall(field)]
    return {
        "args": lists(request.query),
        "auth": request.auth,
        "body": digest(request.body.read()),
        "content_type": request.content_type,
        "cookies": dict(request.cookies.decode()),
        "files": files,
        "form": form,
        "fullpath": request.fullpath,
        "headers": {name: request.headers.raw(name) for name in request.headers},
        "method": request.method,
        "path": request.path,
        "remote_addr": request.remote_addr,
        "remote_route": request.remote_route,
        "route": route,
        "script_name": request.script_name,
        "url": request.url,
    }


@app.route("/redirect/relative")
def redirect_relative():
    redirect("/echo?next=1&to=%2F")


@app.route("/redirect/absolute")
def redirect_absolute():
    redirect("http://other.example:8080/a?b=c", 307)


@app.route("/redirect/built")
def redirect_built():
    redirect(app.get_url("items", name=quote("你/好 +")))


@app.route("/cookies")
def cookies():
    response.content_type = "text/plain"
    response.set_cookie("first", "1", expires=EXPIRES, httponly=True)
    response.set_cookie("second", "a, b; c", path="/items", samesite="lax", secure=True)
    response.delete_cookie("third")
    return "three cookies"


@app.route("/headers")
def headers():
    response.content_type = "text/plain"
    response.add_header("X-Many", "one")
    response.add_header("X-Many", "two, three")
    response.add_header("Link", '</a.css>; rel="preload"')
    response.add_header("Link", '</b.js>; rel="preload"')
    response.set_header("X-Text", "你好")
    response.set_header("Vary", "Cookie, Accept")
    return "many headers"


@app.route("/long-headers")
def long_headers():
    return HTTPResponse("long headers", **LONG_HEADERS)


@app.route("/no-content")
def no_content():
    response.status = 204


@app.route("/etag")
def etag():
    response.set_header("ETag", f'"{ETAG}"')
    if f'"{ETAG}"' in request.get_header("If-None-Match", ""):
        response.status = 304
        return ""
    response.content_type = "text/plain"
    return "cached"


@app.route("/error")
def error():
    raise RuntimeError("on purpose")


@app.route("/bytes")
def every_byte():
    response.content_type = "image/png"
    return EVERY_BYTE


@app.route("/gbk")
def gbk():
    response.content_type = "text/html; charset=gbk"
    return GBK_PAGE.decode("gbk")


@app.route("/compressed")
def compressed():
    response.content_type = "text/plain; charset=utf-8"
    response.set_header("Content-Encoding", "gzip")
    return COMPRESSED


@app.route("/empty")
def empty():
    return ""


@app.route("/stream")
def stream():
    response.content_type = "text/plain; charset=utf-8"
    yield from CHUNKS


@app.route("/large")
def large():
    response.content_type = "application/octet-stream"
    return LARGE


@app.route("/download")
def download():
    response.content_type = "application/zip"
    response.set_header("Content-Disposition", "attachment; filename*=UTF-8''%E6%96%87%E4%BB%B6.zip")
    return EVERY_BYTE


@app.route("/json")
def chinese_json():
    response.content_type = "application/json"
    return '{"你": "好\\u0000 𝄞"}'
