"""The environ that a WSGI app gets, and what becomes of what it does: right, odd or wrong."""

from __future__ import annotations

import gc
import io
import logging
import sys
import tracemalloc
import warnings
from wsgiref.validate import validator

import pytest
from werkzeug.middleware.lint import LintMiddleware

from fc_adapter import AppError, wrap
from fc_adapter.contract.request import parse_event
from fc_adapter.contract.trigger import read_request
from fc_adapter.wsgi import build_environ, call
from tests.conftest import make_event


def environ_of(target="/", headers=(), body=b"", *, method="GET", base_path="", **options):
    return build_environ(read_request(method, target, headers, body, **options), base_path=base_path)


def test_whole_environ():
    request = parse_event(
        make_event(
            method="POST",
            raw_path="/a%20b",
            query={"q": "你"},
            headers={"Host": "h.example", "Content-Type": "text/plain", "X-Forwarded-Proto": "http", "X-A": "é"},
            body="body",
        )
    )
    environ = build_environ(request)
    assert environ.pop("wsgi.input").read() == b"body"
    assert environ.pop("wsgi.errors")
    assert environ == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b",
        "QUERY_STRING": "q=%E4%BD%A0",
        "RAW_URI": "/a%20b?q=%E4%BD%A0",
        "REQUEST_URI": "/a%20b?q=%E4%BD%A0",
        "SERVER_NAME": "demo.cn-hangzhou.fcapp.run",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "11.11.11.11",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "4",
        "HTTP_HOST": "h.example",
        "HTTP_X_FORWARDED_PROTO": "http",
        "HTTP_X_A": "\xc3\xa9",
        "wsgi.input_terminated": True,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def test_content_type_in_two_spellings():
    seen = []

    def app(environ, start_response):
        seen.append((environ["CONTENT_TYPE"], environ.get("HTTP_CONTENT_TYPE")))
        start_response("200 OK", [])
        return []

    wrap(app)(make_event(headers={"Content-Type": "a/b", "content-type": "c/d", "X-A": "1"}))
    assert seen == [("a/b,c/d", None)]


@pytest.mark.parametrize(
    ("target", "path_info"),
    [
        ("/%E4%BD%A0", "\xe4\xbd\xa0"),
        ("/a%2Fb", "a/b"),
        ("/a%2Bb+c", "a+b+c"),
        ("/100%25", "100%"),
        ("//a//", "/a//"),
        ("/%FF%00", "\xff\0"),
    ],
)
def test_path_info_is_bytes_as_latin1(target, path_info):
    assert environ_of(target)["PATH_INFO"] == "/" + path_info


@pytest.mark.parametrize(
    ("target", "script_name", "path_info"),
    [
        ("/api/users", "/api", "/users"),
        ("/api", "/api", ""),
        ("/api/", "/api", "/"),
        ("/%61pi/x", "/api", "/x"),
        ("/apifoo", "", "/apifoo"),
        ("/other", "", "/other"),
        ("/web/users", "", "/web/users"),
    ],
)
def test_base_path(target, script_name, path_info):
    environ = environ_of(target, base_path="/api")
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (script_name, path_info)


def test_header_with_underscore_cannot_pose_as_its_namesake():
    event = make_event(headers={"X_Real_Ip": "forged", "X-Real-Ip": "true", "X-É": "1"})
    environ = build_environ(parse_event(event))
    assert [key for key in environ if key.startswith("HTTP_")] == ["HTTP_X_REAL_IP"]
    assert environ["HTTP_X_REAL_IP"] == "true"


def test_repeated_headers_are_joined():
    environ = environ_of(headers=[("x-a", "1"), ("X-A", "2"), ("cookie", "a=1"), ("Cookie", "b=2")])
    assert (environ["HTTP_X_A"], environ["HTTP_COOKIE"]) == ("1,2", "a=1; b=2")


def test_unicode_in_names_and_addresses():
    environ = build_environ(parse_event(make_event(domain="例.example", source_ip="例")))
    assert environ["SERVER_NAME"] == "例.example".encode().decode("latin-1")
    assert environ["REMOTE_ADDR"] == "例".encode().decode("latin-1")


def test_errors_stream_is_the_current_stderr(monkeypatch):
    errors = environ_of()["wsgi.errors"]
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw))
    errors.write("a")
    errors.writelines(["b", "c"])
    assert raw.getvalue() == b""
    errors.flush()
    assert raw.getvalue() == b"abc"


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.input"].read(-1)]


def test_environ_passes_the_validators(http_event):
    for validated in (validator(hello), LintMiddleware(hello)):
        result = wrap(validated, on_error="raise")(http_event)
        assert result["statusCode"] == 200


# ---- the protocol ----------------------------------------------------------------------------------------------------


class Chunks:
    """A response iterable that tells whether it was closed."""

    def __init__(self, *chunks, close_error=None):
        self.chunks = chunks
        self.closed = 0
        self.close_error = close_error

    def __iter__(self):
        for chunk in self.chunks:
            if isinstance(chunk, BaseException):
                raise chunk
            yield chunk

    def close(self):
        self.closed += 1
        if self.close_error:
            raise self.close_error


OK = ("200 OK", [("Content-Type", "text/plain")])


def starting(*start):
    """An app that calls start_response with ``start`` and answers ``x``."""

    def app(environ, start_response):
        start_response(*start)
        return [b"x"]

    return app


def test_write_comes_before_the_iterable():
    def app(environ, start_response):
        write = start_response(*OK)
        write(b"a")
        write(b"b")
        return [b"c", b"", b"d"]

    assert call(app, environ_of()).body == b"abcd"


@pytest.mark.parametrize("chunks", [[], [b"a"], [b"a", b"b"], [b"a", b"b", b"c"]])
def test_body_is_all_chunks(chunks):
    def app(environ, start_response):
        start_response(*OK)
        return chunks

    assert call(app, environ_of()).body == b"".join(chunks)


@pytest.mark.parametrize(("status", "code"), [("100 Continue", 100), ("200", 200), ("404 ", 404), ("999 Odd", 999)])
def test_status(status, code):
    assert call(starting(status, []), environ_of()).status == code


def test_body_ends_where_content_length_says():
    response = call(starting("200 OK", [("Content-Length", "0")]), environ_of())
    assert response.body == b""


def test_other_headers_with_a_number_do_not_end_the_body():
    """Of as many letters as Content-Length has, too."""
    response = call(starting("200 OK", [("X-Request-Size", "0")]), environ_of())
    assert response == (200, (("X-Request-Size", "0"),), b"x")


def test_generator_may_start_late():
    def app(environ, start_response):
        yield b""
        start_response(*OK)
        yield b"late"

    assert call(app, environ_of()).body == b"late"


def test_start_response_again_with_exc_info_before_output():
    def app(environ, start_response):
        start_response(*OK)
        try:
            raise KeyError("first")
        except KeyError:
            start_response("503 Busy", [("Retry-After", "1")], sys.exc_info())
        return [b"error page"]

    assert call(app, environ_of()) == (503, (("Retry-After", "1"),), b"error page")


def test_start_response_again_with_exc_info_after_output():
    def app(environ, start_response):
        start_response(*OK)(b"partial")
        try:
            raise KeyError("first")
        except KeyError:
            start_response("500 Oops", [], sys.exc_info())

    with pytest.raises(KeyError, match="first"):
        call(app, environ_of())


def test_headers_as_bytes_in_the_shape_of_latin1():
    headers = [("X-Utf8", "你".encode().decode("latin-1")), ("X-Latin1", "\xe9"), ["X-List", "1"]]
    response = call(starting("200 OK", headers), environ_of())
    assert response.headers == (("X-Utf8", "你"), ("X-Latin1", "é"), ("X-List", "1"))


def returning(value):
    def app(environ, start_response):
        start_response(*OK)
        return value

    return app


def twice(environ, start_response):
    start_response(*OK)
    start_response(*OK)


def body_first(environ, start_response):
    yield b"x"


def no_error(environ, start_response):
    start_response(*OK)(b"x")
    start_response(*OK, (None, None, None))


HUGE = 10**5000  # Python refuses to write so many digits


FAULTS = [
    (starting("OK", []), "sent the status 'OK'"),
    (starting("20", []), "sent the status '20'"),
    (starting("2000 OK", []), "sent the status '2000 OK'"),
    (starting("099 Low", []), "sent the status '099 Low'"),
    (starting("²00 OK", []), "sent the status"),
    (starting(200, []), "sent the status 200"),
    (starting(HUGE, []), "sent the status a value of type int"),
    (starting("200 OK", None), "headers of type NoneType"),
    (starting("200 OK", list), "headers of type type"),
    (starting("200 OK", ["ab"]), "sent the header 'ab'"),
    (starting("200 OK", [b"ab"]), "sent the header b'ab', expected a tuple (name, value)"),
    (starting("200 OK", [("a",)]), "sent the header ('a',), expected a tuple (name, value)"),
    (starting("200 OK", [["a"]]), "sent the header ['a'], expected a tuple (name, value)"),
    (starting("200 OK", [("a", "b", "c")]), "sent the header ('a', 'b', 'c'), expected a tuple (name, value)"),
    (starting("200 OK", [("a", 1)]), "expected two strings"),
    (starting("200 OK", [(b"a", "b")]), "expected two strings"),
    (starting("200 OK", [("a", "你")]), "beyond latin-1"),
    (starting("200 OK", [("a", "b\r\nc: d")]), "CR, LF or NUL"),
    (starting("200 OK", [("a b", "c")]), "not an HTTP token"),
    (returning(None), "returned NoneType, expected an iterable"),
    (returning(5), "returned int, expected an iterable"),
    (returning(list), "returned type, expected an iterable"),
    (returning(["text"]), "sent body of type str, expected bytes"),
    (returning("text"), "sent body of type str, expected bytes"),
    (returning(b"bytes"), "sent body of type int, expected bytes"),
    (starting("200 OK", [("Content-Length", "9")]), "announced Content-Length 9, but its body has 1 bytes"),
    (starting("200 OK", [("Content-Length", "many")]), "announced Content-Length many"),
    (twice, "a second time without exc_info"),
    (no_error, "with the exc_info (None, None, None), expected what sys.exc_info() returns"),
    (body_first, "sent body before it called start_response"),
    (lambda environ, start_response: [], "without calling start_response"),
]


@pytest.mark.parametrize(("app", "message"), FAULTS)
def test_broken_protocol(app, message, caplog):
    """A clean 500, one log record that names the fault, and the next request works."""
    broken = True

    def sometimes(environ, start_response):
        return (app if broken else hello)(environ, start_response)

    handler = wrap(sometimes)
    result = handler(make_event())
    assert (result["statusCode"], result["body"]) == (500, "Internal Server Error")
    (record,) = [record for record in caplog.records if record.name == "fc_adapter"]
    assert (record.name, record.levelno) == ("fc_adapter", logging.ERROR)
    assert message in record.getMessage()
    assert "1-event" in record.getMessage()
    assert record.exc_info
    with pytest.raises(AppError, match="the app"):
        wrap(sometimes, on_error="raise")(make_event())
    broken = False
    assert handler(make_event(body="next", method="POST"))["body"] == "next"


@pytest.mark.parametrize("chunks", [(ValueError("early"),), (b"half", ValueError("late"))])
def test_error_while_iterating(chunks, caplog):
    iterable = Chunks(*chunks)
    result = wrap(returning(iterable))(make_event())
    assert (result["statusCode"], result["body"], iterable.closed) == (500, "Internal Server Error", 1)
    assert ["ValueError: " in record.getMessage() for record in caplog.records] == [True]


def test_error_before_output():
    with pytest.raises(ZeroDivisionError):
        wrap(lambda environ, start_response: [1 / 0], on_error="raise")(make_event())


def test_error_in_close(caplog):
    iterable = Chunks(b"whole", close_error=OSError("unflushed"))
    assert wrap(returning(iterable))(make_event())["statusCode"] == 500
    assert "OSError: unflushed" in caplog.text
    with pytest.raises(OSError, match="unflushed"):
        wrap(returning(iterable), on_error="raise")(make_event())
    assert iterable.closed == 2


def test_error_in_close_after_another_error(caplog):
    iterable = Chunks(ValueError("first"), close_error=OSError("second"))
    with pytest.raises(ValueError, match="first"):
        wrap(returning(iterable), on_error="raise")(make_event())
    assert "OSError: second" in caplog.text
    assert iterable.closed == 1


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_exits_pass_through(error):
    iterable = Chunks(error)
    with pytest.raises(type(error)):
        wrap(returning(iterable))(make_event())
    assert iterable.closed == 1


class Unusual(BaseException):
    """No Exception, and no exit either, as gevent's Timeout is."""


def test_unusual_exceptions_do_not_leave_the_handler(caplog):
    iterable = Chunks(Unusual())
    assert wrap(returning(iterable))(make_event())["statusCode"] == 500
    assert "AppError: the app let Unusual out" in caplog.text
    assert iterable.closed == 1
    with pytest.raises(AppError, match="the app let Unusual out"):
        wrap(returning(iterable), on_error="raise")({"REQUEST_METHOD": "GET"}, lambda *start: None)


def test_close_is_called_once_on_success():
    iterable = Chunks(b"x")
    call(returning(iterable), environ_of())
    assert iterable.closed == 1


def test_a_thousand_requests_leave_nothing_behind(http_event):
    handler = wrap(hello)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for _ in range(50):
            handler(http_event)
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            handler(http_event)
        gc.collect()
        growth = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    assert growth < 20_000
