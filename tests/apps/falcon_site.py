"""What the two Falcon apps under test have in common: all that does not read the request's body."""

from __future__ import annotations

import falcon

from .content import COMPRESSED, ETAG, EVERY_BYTE, EXPIRES, GBK_PAGE, LARGE, LONG_HEADERS, digest

FORMS = (falcon.MEDIA_URLENCODED, falcon.MEDIA_MULTIPART)


def describe(req, route, **body):
    """Everything that the app sees of the request, its body as the app has read it."""
    return {
        **body,
        "access_route": req.access_route,
        "args": {name: req.get_param_as_list(name) for name in req.params},
        "content_type": req.content_type,
        "cookies": req.cookies,
        "cookie_values": {name: req.get_cookie_values(name) for name in req.cookies},
        "forwarded_uri": req.forwarded_uri,
        "headers": {name.title(): value for name, value in req.headers.items()},
        "host": req.host,
        "method": req.method,
        "path": req.path,
        "port": req.port,
        "prefix": req.prefix,
        "remote_addr": req.remote_addr,
        "root_path": req.root_path,
        "route": route,
        "scheme": req.scheme,
        "uri": req.uri,
    }


def describe_form(media):
    """The fields of a urlencoded form, each with all of its values."""
    return {name: value if isinstance(value, list) else [value] for name, value in media.items()}


def describe_part(part, content):
    """A part of a multipart form: a value, or a file."""
    if part.filename is None:
        return "form", content.decode()
    return "files", [part.filename, part.content_type, digest(content)]


def redirect_relative(req, resp):
    raise falcon.HTTPFound("/echo?next=1&to=%2F")


def redirect_absolute(req, resp):
    raise falcon.HTTPTemporaryRedirect("http://other.example:8080/a?b=c")


def redirect_built(req, resp):
    raise falcon.HTTPSeeOther(f"{req.prefix}/items/{falcon.uri.encode_value('你/好 +')}")


def cookies(req, resp):
    resp.content_type = falcon.MEDIA_TEXT
    resp.text = "three cookies"
    resp.set_cookie("first", "1", expires=EXPIRES, secure=False)
    resp.set_cookie("second", "a, b; c", path="/items", same_site="Lax", http_only=False)
    resp.set_cookie("third", "", max_age=0)  # unset_cookie() adds the time of day


def headers(req, resp):
    resp.content_type = falcon.MEDIA_TEXT
    resp.text = "many headers"
    resp.append_header("X-Many", "one")
    resp.append_header("X-Many", "two, three")
    resp.append_link("/a.css", "preload")
    resp.append_link("/b.js", "preload")
    resp.set_header("X-Text", "你好".encode().decode("latin-1"))
    resp.vary = ("Cookie", "Accept")


def long_headers(req, resp):
    resp.content_type = falcon.MEDIA_TEXT
    resp.text = "long headers"
    resp.set_headers(LONG_HEADERS)


def no_content(req, resp):
    resp.status = falcon.HTTP_NO_CONTENT


def etag(req, resp):
    resp.etag = ETAG
    if ETAG in (req.if_none_match or ()):
        resp.status = falcon.HTTP_NOT_MODIFIED
    else:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = "cached"


def error(req, resp):
    raise RuntimeError("on purpose")


def every_byte(req, resp):
    resp.content_type = falcon.MEDIA_PNG
    resp.data = EVERY_BYTE


def gbk(req, resp):
    resp.content_type = "text/html; charset=gbk"
    resp.data = GBK_PAGE


def compressed(req, resp):
    resp.content_type = falcon.MEDIA_TEXT
    resp.set_header("Content-Encoding", "gzip")
    resp.data = COMPRESSED


def empty(req, resp):
    """Set nothing: a 200."""


def large(req, resp):
    resp.content_type = "application/octet-stream"
    resp.data = LARGE


def download(req, resp):
    resp.content_type = "application/zip"
    resp.downloadable_as = "文件.zip"
    resp.data = EVERY_BYTE


def chinese_json(req, resp):
    resp.media = {"你": "好\0 𝄞"}


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
    "/bytes": every_byte,
    "/gbk": gbk,
    "/compressed": compressed,
    "/empty": empty,
    "/large": large,
    "/download": download,
    "/json": chinese_json,
}
