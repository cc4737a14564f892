"""A Flask app that reports what it gets, and gives back every kind of response."""

from __future__ import annotations

from io import BytesIO

from flask import Flask, Response, redirect, request, send_file, url_for

from .content import CHUNKS, COMPRESSED, ETAG, EVERY_BYTE, EXPIRES, GBK_PAGE, LARGE, LONG_HEADERS, METHODS, digest

app = Flask(__name__)


@app.route("/", methods=METHODS)
@app.route("/echo", methods=METHODS)
@app.route("/items/<path:name>", methods=METHODS)
@app.route("/numbers/<int:number>")
@app.route("/folder/", methods=METHODS)
@app.route("/leaf")
def echo(**route):
    """Everything that the app sees of the request."""
    body = request.get_data()
    return {
        "args": request.args.to_dict(flat=False),
        "authorization": getattr(request.authorization, "parameters", None),
        "body": digest(body),
        "content_type": request.content_type,
        "cookie_values": request.cookies.to_dict(flat=False),
        "cookies": request.cookies,
        "files": {
            field: [[file.filename, file.content_type, digest(file.read())] for file in files]
            for field, files in request.files.lists()
        },
        "form": request.form.to_dict(flat=False),
        "full_path": request.full_path,
        "headers": dict(request.headers),
        "host": request.host,
        "is_secure": request.is_secure,
        "json": request.get_json(silent=True),
        "method": request.method,
        "path": request.path,
        "path_info": request.environ["PATH_INFO"],
        "remote_addr": request.remote_addr,
        "route": route,
        "scheme": request.scheme,
        "script_name": request.script_root,
        "url": request.url,
    }


@app.route("/redirect/relative")
def redirect_relative():
    return redirect("/echo?next=1&to=%2F")


@app.route("/redirect/absolute")
def redirect_absolute():
    return redirect("http://other.example:8080/a?b=c", 307)


@app.route("/redirect/built")
def redirect_built():
    return redirect(url_for("echo", name="你/好 +", _external=True))


@app.route("/cookies")
def cookies():
    response = Response("three cookies", mimetype="text/plain")
    response.set_cookie("first", "1", expires=EXPIRES, httponly=True)
    response.set_cookie("second", "a, b; c", path="/items", samesite="Lax", secure=True)
    response.delete_cookie("third")
    return response


@app.route("/headers")
def headers():
    response = Response("many headers", mimetype="text/plain")
    response.headers.add("X-Many", "one")
    response.headers.add("X-Many", "two, three")
    response.headers.add("Link", '</a.css>; rel="preload"')
    response.headers.add("Link", '</b.js>; rel="preload"')
    response.headers["X-Text"] = "你好".encode().decode("latin-1")
    response.vary.update(["Cookie", "Accept"])
    return response


@app.route("/long-headers")
def long_headers():
    return "long headers", LONG_HEADERS


@app.route("/no-content")
def no_content():
    return "", 204


@app.route("/etag")
def etag():
    response = Response("cached", mimetype="text/plain")
    response.set_etag(ETAG)
    return response.make_conditional(request)


@app.route("/error")
def error():
    raise RuntimeError("on purpose")


@app.route("/bytes")
def every_byte():
    return Response(EVERY_BYTE, mimetype="image/png")


@app.route("/gbk")
def gbk():
    return Response(GBK_PAGE, content_type="text/html; charset=gbk")


@app.route("/compressed")
def compressed():
    return Response(COMPRESSED, headers={"Content-Encoding": "gzip"}, content_type="text/plain; charset=utf-8")


@app.route("/empty")
def empty():
    return ""


@app.route("/stream")
def stream():
    return Response((chunk for chunk in CHUNKS), content_type="text/plain; charset=utf-8")


@app.route("/large")
def large():
    return Response(LARGE, mimetype="application/octet-stream")


@app.route("/download")
def download():
    return send_file(
        BytesIO(EVERY_BYTE),
        "application/zip",
        as_attachment=True,
        download_name="文件.zip",
        conditional=True,
        etag=ETAG,
    )


@app.route("/json")
def chinese_json():
    return Response('{"你": "好\\u0000 𝄞"}', mimetype="application/json")


@app.route("/untyped")
def untyped():
    response = Response("no type")
    del response.headers["Content-Type"]
    return response


@app.route("/untyped-empty")
def untyped_empty():
    response = Response()
    del response.headers["Content-Type"]
    return response
