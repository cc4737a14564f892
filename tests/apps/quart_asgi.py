"""A Quart app that reports what it gets, and gives back every kind of response."""

from __future__ import annotations

from io import BytesIO

from quart import Quart, Response, redirect, request, send_file, url_for

from .content import CHUNKS, COMPRESSED, ETAG, EVERY_BYTE, EXPIRES, GBK_PAGE, LARGE, LONG_HEADERS, METHODS, digest

app = Quart(__name__)


@app.route("/", methods=METHODS)
@app.route("/echo", methods=METHODS)
@app.route("/items/<path:name>", methods=METHODS)
@app.route("/numbers/<int:number>")
@app.route("/folder/", methods=METHODS)
@app.route("/leaf")
async def echo(**route):
    """Everything that the app sees of the request."""
    form, files = await request.form, await request.files
    return {
        "args": request.args.to_dict(flat=False),
        "authorization": getattr(request.authorization, "parameters", None),
        "body": digest(await request.get_data()),
        "content_type": request.content_type,
        "cookies": request.cookies,
        "files": {
            field: [[file.filename, file.content_type, digest(file.read())] for file in files]
            for field, files in files.lists()
        },
        "form": form.to_dict(flat=False),
        "full_path": request.full_path,
        "headers": dict(request.headers),
        "host": request.host,
        "is_secure": request.is_secure,
        "json": await request.get_json(silent=True),
        "method": request.method,
        "path": request.path,
        "remote_addr": request.remote_addr,
        "route": route,
        "root_path": request.root_path,
        "scheme": request.scheme,
        "url": request.url,
    }


@app.route("/redirect/relative")
async def redirect_relative():
    return redirect("/echo?next=1&to=%2F")


@app.route("/redirect/absolute")
async def redirect_absolute():
    return redirect("http://other.example:8080/a?b=c", 307)


@app.route("/redirect/built")
async def redirect_built():
    return redirect(url_for("echo", name="你/好 +", _external=True))


@app.route("/cookies")
async def cookies():
    response = Response("three cookies", mimetype="text/plain")
    response.set_cookie("first", "1", expires=EXPIRES, httponly=True)
    response.set_cookie("second", "a, b; c", path="/items", samesite="Lax", secure=True)
    response.delete_cookie("third")
    return response


@app.route("/headers")
async def headers():
    response = Response("many headers", mimetype="text/plain")
    response.headers.add("X-Many", "one")
    response.headers.add("X-Many", "two, three")
    response.headers.add("Link", '</a.css>; rel="preload"')
    response.headers.add("Link", '</b.js>; rel="preload"')
    response.headers["X-Text"] = "你好"
    response.vary.update(["Cookie", "Accept"])
    return response


@app.route("/long-headers")
async def long_headers():
    return "long headers", LONG_HEADERS


@app.route("/no-content")
async def no_content():
    return "", 204


@app.route("/etag")
async def etag():
    response = Response("cached", mimetype="text/plain")
    response.set_etag(ETAG)
    return await response.make_conditional(request)


@app.route("/error")
async def error():
    raise RuntimeError("on purpose")


@app.route("/bytes")
async def every_byte():
    return Response(EVERY_BYTE, mimetype="image/png")


@app.route("/gbk")
async def gbk():
    return Response(GBK_PAGE, content_type="text/html; charset=gbk")


@app.route("/compressed")
async def compressed():
    return Response(COMPRESSED, headers={"Content-Encoding": "gzip"}, content_type="text/plain; charset=utf-8")


@app.route("/empty")
async def empty():
    return ""


@app.route("/stream")
async def stream():
    async def chunks():
        for chunk in CHUNKS:
            yield chunk

    return Response(chunks(), content_type="text/plain; charset=utf-8")


@app.route("/large")
async def large():
    return Response(LARGE, mimetype="application/octet-stream")


@app.route("/download")
async def download():
    return await send_file(
        BytesIO(EVERY_BYTE), "application/zip", as_attachment=True, attachment_filename="文件.zip", conditional=True
    )


@app.route("/json")
async def chinese_json():
    return Response('{"你": "好\\u0000 𝄞"}', mimetype="application/json")


@app.route("/untyped")
async def untyped():
    response = Response("no type")
    del response.headers["Content-Type"]
    return response


@app.route("/untyped-empty")
async def untyped_empty():
    response = Response("")
    del response.headers["Content-Type"]
    return response
