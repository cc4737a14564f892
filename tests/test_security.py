"""What a stranger can put into a request, and what the app, the log and the response make of it."""

from __future__ import annotations

import asyncio
import binascii
import gzip
import os
import re
from pathlib import Path
from time import process_time
from types import SimpleNamespace

import pytest

from fc_adapter import EventError, wrap
from fc_adapter.contract.request import load_event, parse_event
from fc_adapter.contract.response import parse_result
from tests.conftest import dump, make_event

ROOT = Path(__file__).parent.parent


def see_wsgi(event, **options):
    """The environ that an app gets."""
    seen = []

    def app(environ, start_response):
        seen.append({**environ, "body": environ["wsgi.input"].read()})
        start_response("204 No Content", [])
        return []

    assert wrap(app, **options)(event)["statusCode"] == 204
    return seen[0]


def see_asgi(event, **options):
    """The scope that an app gets, headers as a list of pairs."""
    seen = []

    async def app(scope, receive, send):
        seen.append({**scope, "body": (await receive())["body"]})
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    handler = wrap(app, lifespan="off", **options)
    assert handler(event)["statusCode"] == 204
    handler.pre_stop()
    return seen[0]


def answer(headers, **options):
    """What a client gets from an app that sends these headers."""

    def app(environ, start_response):
        start_response("200 OK", headers)
        return [b"whole"]

    return wrap(app)(make_event(**options))


async def refuse(scope, receive, send):
    """An app that must not be called."""
    raise AssertionError  # pragma: no cover - it is not


# ---- who asks --------------------------------------------------------------------------------------------------------


def test_client_is_who_the_gateway_saw():
    headers = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Real-Ip": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "Remote-Addr": "6.6.6.6",
    }
    event = make_event(headers=headers, source_ip="11.11.11.11")
    assert see_wsgi(event)["REMOTE_ADDR"] == "11.11.11.11"
    assert see_asgi(event)["client"] == ("11.11.11.11", 0)


def test_server_is_what_the_platform_says_and_host_what_the_client_wrote():
    event = make_event(headers={"Host": "evil.example:81", "X-Forwarded-Host": "evil.example"}, domain="d.fcapp.run")
    assert see_wsgi(event)["SERVER_NAME"] == "d.fcapp.run"
    assert see_wsgi(event)["HTTP_HOST"] == "evil.example:81"
    assert see_asgi(event)["server"] == ("d.fcapp.run", 81)


@pytest.mark.parametrize("value", ["javascript", "https,http", "HTTPS\t", "wss", ""])
def test_scheme_is_http_or_https(value):
    event = make_event(headers={"X-Forwarded-Proto": value})
    assert see_wsgi(event)["wsgi.url_scheme"] == see_asgi(event)["scheme"] == "https"


def test_two_hosts_are_not_made_one():
    assert see_wsgi(make_event(headers={"Host": "a.example,b.example"}))["HTTP_HOST"] == "a.example,b.example"


def test_headers_are_no_other_keys_of_the_environ():
    headers = {"Request-Method": "DELETE", "Path-Info": "/admin", "Remote-User": "root", "Wsgi.Url_Scheme": "x"}
    headers.update({"Fc.Context": "x", "Script-Name": "/x", "Proxy": "http://evil.example"})
    plain, environ = see_wsgi(make_event()), see_wsgi(make_event(headers=headers))
    assert {key for key in environ if key not in plain} == {
        "HTTP_REQUEST_METHOD", "HTTP_PATH_INFO", "HTTP_REMOTE_USER", "HTTP_FC.CONTEXT", "HTTP_SCRIPT_NAME", "HTTP_PROXY"
    }  # fmt: skip
    assert {key: environ[key] for key in ("REQUEST_METHOD", "PATH_INFO", "SCRIPT_NAME", "fc.context")} == {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "SCRIPT_NAME": "",
        "fc.context": None,
    }
    assert os.environ.get("HTTP_PROXY") != "http://evil.example"  # httpoxy: an environ is no environment


def test_underscore_is_no_hyphen():
    headers = {"X_Forwarded_For": "forged", "Content_Length": "99", "Transfer_Encoding": "chunked"}
    assert not {"HTTP_X_FORWARDED_FOR", "CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"} & set(
        see_wsgi(make_event(headers=headers))
    )
    assert (b"x_forwarded_for", b"forged") in see_asgi(make_event(headers=headers))["headers"]


# ---- header injection ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers", [{"X-A": "1\r\nX-B: 2"}, {"X-A": "1\n"}, {"X-A": "é\r"}, {"X-A": "\0"}, {"X-A\r\nB": "1"}]
)
@pytest.mark.parametrize("app", [refuse, lambda environ, start_response: None])
def test_breaks_in_request_headers_are_refused(app, headers):
    result = wrap(app)(make_event(headers=headers))
    assert result["statusCode"] == 400
    assert result["body"].startswith("Bad Request: ")
    assert "\n" not in result["body"]


@pytest.mark.parametrize("value", ["1\r\nSet-Cookie: admin=1", "1\nX: 2", "1\r", "1\0"])
@pytest.mark.parametrize("name", ["Location", "Set-Cookie", "Content-Type", "X-A"])
def test_breaks_in_response_headers_are_refused(name, value, caplog):
    assert answer([(name, value)])["statusCode"] == 500
    assert answer([("X-A\r\nX-B", "1")])["statusCode"] == 500
    assert value not in caplog.text  # shown escaped


def test_breaks_in_results_begin_no_header():
    response = parse_result({"statusCode": 200, "headers": {"X-A": "1\r\nX-B: 2", "X-C\r\nX-D": "3"}, "body": ""})
    assert response.headers == (("X-A", "1  X-B: 2"), ("Content-Type", "application/json"))


def test_cookies_of_several_spellings_are_the_apps_alone():
    names = ["Set-Cookie", "set-cookie", "sEt-CoOkIe"]
    headers = answer([(name, f"{number}=x") for number, name in enumerate(names)])["headers"]
    assert [name for name, value in headers.items() if value == "application/octet-stream"] == ["Content-Type"]
    assert {(name.lower(), value) for name, value in headers.items()} >= {
        ("set-cookie", "0=x"),
        ("set-cookie", "1=x"),
        ("set-cookie", "2=x"),
    }
    assert len(headers) == 4
    assert answer([("Set-Cookie", "a=b")] * 513)["statusCode"] == 500


# ---- framing ---------------------------------------------------------------------------------------------------------


def test_framing_headers_of_the_client_do_not_reach_the_app():
    headers = {"Content-Length": "99", "content-length": "1", "Transfer-Encoding": "chunked", "Te": "trailers"}
    event = make_event(method="POST", headers=headers, body="hello")
    environ, scope = see_wsgi(event), see_asgi(event)
    assert (environ["CONTENT_LENGTH"], environ["body"]) == ("5", b"hello")
    assert [value for name, value in scope["headers"] if name == b"content-length"] == [b"5"]
    assert "HTTP_TRANSFER_ENCODING" not in environ
    assert b"transfer-encoding" not in dict(scope["headers"])


def test_framing_headers_of_the_app_do_not_reach_the_client():
    result = answer(
        [("Transfer-Encoding", "chunked"), ("Connection", "close"), ("Content-Length", "5"), ("Upgrade", "h2c")]
    )
    assert list(result["headers"]) == ["Content-Type"]
    assert answer([("Content-Length", "4"), ("Content-Type", "text/plain")])["body"] == "whol"
    for length in ("6", "+5", "5, 5", "0x5"):
        assert answer([("Content-Length", length)])["statusCode"] == 500


# ---- size and shape --------------------------------------------------------------------------------------------------


def test_compressed_body_is_not_unpacked():
    body = gzip.compress(bytes(1_000_000))
    event = make_event(
        method="POST",
        headers={"Content-Encoding": "gzip", "Content-Type": "application/x"},
        body=binascii.b2a_base64(body, newline=False).decode(),
        is_base64=True,
    )
    assert see_wsgi(event)["body"] == see_asgi(event)["body"] == body


@pytest.mark.parametrize("text", ["*" * 32 * 1024 * 1024, "A" * (32 * 1024 * 1024 + 1), "é" * 1000, "QUJD=" * 1000])
def test_what_is_no_base64_is_refused_in_few_words(text):
    with pytest.raises(EventError) as caught:
        parse_event(make_event(body=text, is_base64=True))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"a":' * 200_000,
        '{"rawPath": "/", "body": ' + "[" * 200_000 + "]" * 200_000 + "}",
        '{"rawPath": "/", "a": 1' + "0" * 5000,
        '{"rawPath": "/"',
    ],
    ids=lambda text: text[:30],
)
def test_deep_or_broken_json_is_an_event_error(text):
    with pytest.raises(EventError):
        parse_event(text.encode())


def test_deep_result_is_the_text_that_it_is():
    text = "[" * 200_000
    assert parse_result(text).body == text.encode()


def test_doubled_keys_of_json_are_the_last():
    event = dump(make_event()).decode()[:-1] + ', "rawPath": "/second"}'
    assert parse_event(event).raw_path == "/second"
    assert load_event(event)["rawPath"] == "/second"


def joining_time(count):
    """Seconds of processor time for ``count`` headers of one name, in a request and in a response."""
    headers = {spell("abcdefghijklmnop", number): "v" for number in range(count)}
    event = make_event(headers=headers)
    began = process_time()
    assert len(see_wsgi(event)["HTTP_ABCDEFGHIJKLMNOP"]) == 2 * count - 1
    assert len(answer([("Vary", "v")] * count)["headers"]["Vary"]) == 3 * count - 2
    return process_time() - began


def spell(name, number):
    """``name`` with the letters in upper case that the bits of ``number`` say."""
    return "".join([letter.upper() if number >> bit & 1 else letter for bit, letter in enumerate(name)])


def test_joining_headers_takes_time_in_proportion():
    # Sixteen times as many: 256 times as long, if each were joined to what is there.
    assert min(joining_time(32_000) for _ in range(3)) < 80 * min(joining_time(2000) for _ in range(5))


@pytest.mark.parametrize("between", [{}, {"X-A": "1"}])
def test_names_in_two_spellings_are_one_header(between):
    headers = {"Content-Type": "a", **between, "content-type": "b", "Host": "h", "host": "h", "X-B": "c", "x-B": "d"}
    headers.update({"Content-Length": "1", "CONTENT-LENGTH": "2", "X-Forwarded-Proto": "https"})
    event = make_event(method="POST", headers=headers, body="hello")
    environ, scope = see_wsgi(event), see_asgi(event)
    seen = {key: value for key, value in environ.items() if key.startswith(("HTTP_", "CONTENT_"))}
    assert seen == {
        "CONTENT_TYPE": "a,b",
        "CONTENT_LENGTH": "5",
        **{f"HTTP_{name.replace('-', '_')}": value for name, value in between.items()},
        "HTTP_HOST": "h,h",
        "HTTP_X_B": "c,d",
        "HTTP_X_FORWARDED_PROTO": "https",
    }
    assert [value for name, value in scope["headers"] if name == b"content-length"] == [b"5"]
    assert [value for name, value in scope["headers"] if name == b"content-type"] == [b"a", b"b"]


def test_names_beyond_ascii_reach_no_app():
    headers = {"Coo\u212aie": "admin=1", "Co\u0131": "x", "Cookie": "a=b", "X-\uff21": "x"}
    event = make_event(headers=headers)
    assert see_asgi(event)["headers"] == [(b"cookie", b"a=b")]
    environ = see_wsgi(event)
    assert [(key, value) for key, value in environ.items() if key.startswith("HTTP_")] == [("HTTP_COOKIE", "a=b")]


# ---- paths -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw_path", "path"),
    [
        ("/../../etc/passwd", "/../../etc/passwd"),
        ("/a/..%2f..%2fetc", "/a/../../etc"),
        ("/%2e%2e/x", "/../x"),
        ("//evil.example/x", "//evil.example/x"),
        ("/a%00b", "/a\0b"),
        ("/a%0d%0ab", "/a\r\nb"),
        ("/\r\nX: 1", "/\r\nX: 1"),
        ("/a%252fb", "/a%2fb"),
        ("http://evil.example/x", "/http://evil.example/x"),
        ("/\\evil.example", "/\\evil.example"),
        ("/?x#y", "/?x#y"),
    ],
)
def test_path_is_the_apps_to_judge(raw_path, path):
    environ, scope = see_wsgi(make_event(raw_path=raw_path)), see_asgi(make_event(raw_path=raw_path))
    assert environ["PATH_INFO"] == scope["path"] == path
    assert environ["RAW_URI"].encode() == scope["raw_path"]
    assert re.fullmatch(rb"/[!-~]*", scope["raw_path"])
    assert environ["QUERY_STRING"] == ""


def test_base_path_ends_at_a_slash():
    for raw_path, script_name in (("/api/x", "/api"), ("/apix", ""), ("/x/../api/y", ""), ("//api/x", "")):
        event = make_event(raw_path=raw_path)
        assert see_wsgi(event, base_path="/api")["SCRIPT_NAME"] == script_name
        assert see_asgi(event, base_path="/api")["root_path"] == script_name


# ---- what the log and the client are told ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": {"X-A\n2026 [ERROR] forged": 1}},
        {"body": "\n2026 [ERROR] forged", "is_base64": True},
        {"method": "GET\n2026 [ERROR] forged"},
        {"query": {"a\n2026 [ERROR] forged": 1}},
        {"isBase64Encoded": "\n2026 [ERROR] forged"},
    ],
)
def test_malformed_events_begin_no_line_of_the_log(fields, caplog):
    assert wrap(refuse)(make_event(**fields))["statusCode"] == 400
    assert "forged" in caplog.text
    assert not re.search("^2026", caplog.text, re.MULTILINE)


def test_error_page_tells_nothing():
    def app(environ, start_response):
        raise RuntimeError("the password is hunter2")

    result = wrap(app)(make_event(), SimpleNamespace(request_id="1-a"))
    assert result == {
        "statusCode": 500,
        "headers": {"Content-Type": "text/plain; charset=utf-8"},
        "isBase64Encoded": False,
        "body": "Internal Server Error",
    }


def test_page_for_a_malformed_event_is_no_html():
    result = wrap(refuse)(make_event(method="<script>"))
    assert (result["statusCode"], result["headers"]["Content-Type"]) == (400, "text/plain; charset=utf-8")


def test_a_request_sees_nothing_of_the_one_before():
    seen = []

    async def app(scope, receive, send):
        seen.append((scope["state"], [task.get_name() for task in asyncio.all_tasks()]))
        scope["state"]["user"] = scope["headers"]
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    handler = wrap(app, lifespan="off")
    for number in range(2):
        handler(make_event(headers={"Authorization": str(number)}))
    handler.pre_stop()
    assert seen[1][0] == {"user": [(b"authorization", b"1")]}
    assert seen[0][0]["user"] == [(b"authorization", b"0")]


# ---- the document ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", ["security.md", "reliability.md"])
def test_every_test_that_a_document_names_exists(document):
    text = (ROOT / "docs" / document).read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 10
    for path, name in named:
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE), f"{path}::{name}"
    assert set(re.findall(r"tests/[\w/]+\.py", text)) <= {
        str(path.relative_to(ROOT)) for path in ROOT.glob("tests/**/*.py")
    }


def test_header_names_too_long_to_be_converted_together():
    names = [letter * 600 for letter in "ABC"]
    event = make_event(headers=dict(zip(names, "123")))
    headers = see_asgi(event)["headers"]
    environ = see_wsgi(event)
    for name, value in zip(names, "123"):
        assert (name.lower().encode(), value.encode()) in headers
        assert environ[f"HTTP_{name}"] == value
