"""A WSGI app without a framework: it reports its environ, and answers in ways that frameworks do not let through."""

from __future__ import annotations

import json
import sys
from wsgiref.util import FileWrapper, application_uri

from .content import CHUNKS, ETAG, ODD_REPLIES, PLAIN_REPLIES, TEXT, digest

# The server's own, which differ from one server to the next.
SERVER_KEYS = frozenset({"REMOTE_PORT", "REQUEST_URI", "SERVER_NAME", "SERVER_PORT", "SERVER_SOFTWARE"})


def app(environ, start_response):
    return REPLIES.get(environ["PATH_INFO"], echo)(environ, start_response)


def echo(environ, start_response):
    """Every CGI variable, and what the input holds."""
    seen = {key: environ[key] for key in environ if key.isupper() and key not in SERVER_KEYS}
    seen["input"] = digest(environ["wsgi.input"].read())
    seen["scheme"] = environ["wsgi.url_scheme"]
    seen["version"] = environ["wsgi.version"]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(seen).encode()]


def read_lines(environ, start_response):
    """The input in every way that PEP 3333 has."""
    stream = environ["wsgi.input"]
    seen = [stream.read(3), stream.readline(), *stream.readlines(1), *stream, stream.read(), stream.readline()]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([line.decode("latin-1") for line in seen]).encode()]


def reply(status, headers, body):
    """An app that always answers the same."""

    def app(environ, start_response):
        start_response(status, headers)
        return body

    return app


def redirect_built(environ, start_response):
    location = f"{application_uri(environ).rstrip('/')}/items/%E4%BD%A0%2F"
    start_response("303 See Other", [("Location", location)])
    return []


def etag(environ, start_response):
    if ETAG in environ.get("HTTP_IF_NONE_MATCH", ""):
        start_response("304 Not Modified", [("ETag", f'"{ETAG}"')])
        return []
    start_response("200 OK", [TEXT, ("ETag", f'"{ETAG}"')])
    return [b"cached"]


def error(environ, start_response):
    raise RuntimeError("on purpose")


def late_start(environ, start_response):
    """A generator: nothing of it runs until the server asks for the body."""
    start_response("201 Created", [TEXT])
    yield from CHUNKS


def write(environ, start_response):
    write = start_response("200 OK", [TEXT])
    write(b"written, ")
    write(b"")
    write(b"twice, ")
    return [b"then ", b"returned"]


def replaced(environ, start_response):
    """A response that is taken back before any of it is out."""
    start_response("200 OK", [TEXT, ("X-First", "1")])
    try:
        raise RuntimeError("on purpose")
    except RuntimeError:
        start_response("503 Service Unavailable", [TEXT, ("X-Second", "2")], sys.exc_info())
    return [b"replaced"]


def wrapped_file(environ, start_response):
    """What PEP 3333 tells apps to do with a file: let the server send it, if it offers that."""
    start_response("200 OK", [("Content-Type", "text/x-python")])
    return environ.get("wsgi.file_wrapper", FileWrapper)(open(__file__, "rb"), 512)


class Sequence:
    """Iterable by the older of Python's two protocols, which ``iter()`` and ``for`` take like the newer one."""

    def __getitem__(self, index):
        return CHUNKS[index]


REPLIES = {
    "/redirect/built": redirect_built,
    "/etag": etag,
    "/error": error,
    "/lines": read_lines,
    "/late-start": late_start,
    "/write": write,
    "/replaced": replaced,
    "/wrapped-file": wrapped_file,
    "/blanks": reply("200 OK", [TEXT, ("X-Blanks", " \t padded \t ")], [b"blanks"]),
    "/sequence": reply("200 OK", [TEXT], Sequence()),
    "/body-of-no-content": reply("204 No Content", [TEXT], [b"must not be sent"]),
    "/length-too-small": reply("200 OK", [TEXT, ("Content-Length", "4")], [b"on", b"ly this is not", b" sent"]),
    **{path: reply(*parts) for path, parts in {**PLAIN_REPLIES, **ODD_REPLIES}.items()},
}
