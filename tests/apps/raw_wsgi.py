"""A WSGI app without a framework: it reports its environ, and answers in ways that frameworks do not let through."""

from __future__ import annotations

import json
import sys
from wsgiref.util import FileWrapper

from .content import CHUNKS, EVERY_BYTE, LARGE, digest

# The server's own, which differ from one server to the next.
SERVER_KEYS = frozenset({"REMOTE_PORT", "REQUEST_URI", "SERVER_NAME", "SERVER_PORT", "SERVER_SOFTWARE"})
TEXT = ("Content-Type", "text/plain; charset=utf-8")


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


def repeats(environ, start_response):
    headers = [("Set-Cookie", f"c{number}=a, b; Path=/{number}") for number in range(20)]
    headers += [("set-cookie", "lower=1"), ("SET-COOKIE", "upper=1"), ("Set-Cookie", "c1=again")]
    headers += [("Link", "</a>"), ("LINK", "</b>"), ("Www-Authenticate", 'Basic realm="a, b"')]
    headers += [
        ("Www-Authenticate", "Bearer"),
        ("Vary", "Cookie"),
        ("vary", "Accept"),
        ("X-Same", "1"),
        ("X-Same", "1"),
    ]
    start_response("200 OK", [TEXT, *headers])
    return [b"repeats"]


def odd_values(environ, start_response):
    headers = [("X-Empty", ""), ("X-Blanks", " \t padded \t "), ("X-Inner", "a  b\tc"), ("X-Quotes", '"\\" \'')]
    headers += [("X-Utf8", "你好\x85 é 𝄞".encode().decode("latin-1")), ("!#$%&'*+-.^_`|~0", "odd name")]
    start_response("200 OK", [TEXT, *headers])
    return [b"odd values"]


def latin1(environ, start_response):
    start_response("200 OK", [TEXT, ("X-Latin1", "caf\xe9")])
    return [b"latin1"]


def reserved(environ, start_response):
    headers = [("Content-Disposition", "attachment"), ("X-Fc-Custom", "1"), ("Proxy-Authenticate", "Basic")]
    start_response("200 OK", [TEXT, *headers])
    return [b"reserved"]


def reply(status, headers, body):
    """An app that always answers the same."""

    def app(environ, start_response):
        start_response(status, headers)
        return body

    return app


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
    "/lines": read_lines,
    "/repeats": repeats,
    "/odd-values": odd_values,
    "/latin1": latin1,
    "/reserved": reserved,
    "/late-start": late_start,
    "/write": write,
    "/replaced": replaced,
    "/wrapped-file": wrapped_file,
    "/large": reply("200 OK", [("Content-Type", "video/mp4"), ("Content-Length", str(len(LARGE)))], [LARGE]),
    "/bad-text": reply("200 OK", [TEXT], [b"\xff\xfe", EVERY_BYTE]),
    "/bad-json": reply("200 OK", [("Content-Type", "application/problem+json")], [b'{"a": "\xe9"}']),
    "/text-type": reply("200 OK", [("content-TYPE", "TEXT/HTML ; charset=x")], ["\ufeff\0\r\n\u2028".encode()]),
    "/no-type": reply("200 OK", [], [b"no type"]),
    "/no-type-no-body": reply("200 OK", [], []),
    "/no-body": reply("200 OK", [TEXT, ("Content-Length", "0")], []),
    "/sequence": reply("200 OK", [TEXT], Sequence()),
    "/status": reply("299 Odd Status", [TEXT], [b"odd status"]),
    "/bare-status": reply("404 ", [TEXT], [b"no reason"]),
    "/no-content": reply("204 No Content", [TEXT], [b"must not be sent"]),
    "/reset": reply("205 Reset Content", [TEXT, ("Content-Length", "0")], []),
    "/not-modified": reply("304 Not Modified", [("ETag", '"1"')], []),
    "/length-too-small": reply("200 OK", [TEXT, ("Content-Length", "4")], [b"on", b"ly this is not", b" sent"]),
}
