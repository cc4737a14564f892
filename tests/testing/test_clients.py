"""The clients that users' own tests are given."""

from __future__ import annotations

import asyncio
import io
import json

import flask
import httpx
import pytest
import werkzeug.test

import fc_adapter.testing
from fc_adapter import wrap
from fc_adapter.testing import Client, Transport

app = flask.Flask(__name__)
app.secret_key = "of the tests"


@app.route("/echo/<path:rest>", methods=["GET", "POST", "HEAD"])
def echo(rest):
    request = flask.request
    return {
        "path": rest,
        "raw": request.environ["RAW_URI"],
        "args": request.args.to_dict(flat=False),
        "form": request.form.to_dict(flat=False),
        "files": {name: [file.filename, file.read().decode()] for name, file in request.files.items()},
        "json": request.get_json(silent=True),
        "header": request.headers.get("X-Test", "").encode("latin-1").decode(),
        "url": request.url,
        "context": request.environ.get("fc.context"),
        "peer": request.remote_addr,
        "user": request.authorization.username if request.authorization else None,
        "text": request.get_data(as_text=True),
    }


@app.get("/visit")
def visit():
    flask.session["visits"] = flask.session.get("visits", 0) + 1
    response = flask.make_response(str(flask.session["visits"]))
    response.set_cookie("a", "1")
    response.headers["X-Text"] = "你".encode().decode("latin-1")
    return response


@app.get("/away")
def away():
    return flask.redirect("/visit")


@app.get("/odd")
def odd():
    return b"\xff\x00", 299, {"Content-Type": "image/png", "Server": "mine"}


handler = wrap(app)


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("/echo/x", {"query_string": {"a": "1"}}),
        ("/echo/x", {"query_string": {"a": "1", "b": "你 &="}}),
        ("/echo/x", {"query_string": "a=1&b=2"}),
        ("/echo/x", {"query_string": [("a", "1"), ("b", "你")]}),
        ("/echo/x?z=1", {}),
        ("/echo/你?b=1", {}),
        ("/echo/x", {"headers": {"X-Test": "1"}}),
        ("/echo/x", {"headers": [("X-Test", "1")]}),
        ("/echo/x", {"auth": ("小红", "secret")}),
        ("/echo/x", {"base_url": "http://other.example:8080/"}),
        ("/echo/x", {"environ_overrides": {"REMOTE_ADDR": "9.9.9.9"}}),
        ("/echo/x", {"environ_base": {"HTTP_X_TEST": "1"}}),
        ("/echo/x", {"method": "POST", "data": "你", "content_type": "text/plain; charset=utf-8"}),
        ("/echo/x", {"method": "POST", "data": "text", "mimetype": "text/plain"}),
        ("/echo/x", {"method": "POST", "data": {"a": ["1", "2"], "b": "你"}}),
        ("/echo/x", {"method": "POST", "json": {"a": "你"}}),
        ("/echo/x", {"method": "POST", "data": (io.BytesIO, b"stream"), "content_type": "text/plain"}),
        (
            "/echo/x",
            {"method": "POST", "input_stream": (io.BytesIO, b"in"), "content_length": 2, "mimetype": "text/plain"},
        ),
    ],
)
def test_arguments_mean_what_they_mean_to_flask(path, arguments):
    def send(client):
        made = {
            name: value[0](value[1]) if isinstance(value, tuple) and value[0] is io.BytesIO else value
            for name, value in arguments.items()
        }
        answer = client.open(path, **{"base_url": "https://localhost/", **made}).json
        # The event's query is encoded anew, and a WSGI server has fc.context from nobody.
        return {key: value for key, value in answer.items() if key not in ("raw", "url", "context")}

    assert send(Client(handler)) == send(app.test_client())


@pytest.mark.parametrize(
    ("path", "raw_path", "query"),
    [
        ("//a/b", "//a/b", {}),
        ("//[", "//[", {}),
        ("//", "//", {}),
        ("///%2F?a=1", "///%2F", {"a": "1"}),
        ("//商品?b=//[", "//%E5%95%86%E5%93%81", {"b": "//["}),
    ],
)
def test_a_path_that_begins_with_two_slashes_is_no_host(path, raw_path, query):
    def seen(event, context):
        event = json.loads(event)
        return {"statusCode": 200, "body": [event["rawPath"], event["queryParameters"], event["headers"]["Host"]]}

    assert Client(seen).get(path).json == [raw_path, query, "localhost"]


def test_a_base_url_with_a_path_is_part_of_the_path():
    response = Client(handler).get("/x", base_url="https://localhost/echo", query_string={"a": "1"})
    assert (response.event["rawPath"], response.event["queryParameters"]) == ("/echo/x", {"a": "1"})


def failing(event, context):
    raise LookupError("broken")


def test_request_through_the_contract():
    response = Client(handler, context="mine").get(
        "/echo/你/a%2Fb?x=1&x=2", headers={"X-Test": "é".encode().decode("latin-1")}
    )
    assert response.status_code == 200
    assert response.json["path"] == "你/a/b"
    assert response.json["raw"] == "/echo/%E4%BD%A0/a%2Fb?x=1,2"
    assert response.json["args"] == {"x": ["1,2"]}
    assert response.json["header"] == "é"
    assert (response.json["context"], response.json["peer"]) == ("mine", "127.0.0.1")
    assert response.json["url"].startswith("https://localhost/echo/")
    assert response.event["queryParameters"] == {"x": "1,2"}
    assert response.result["statusCode"] == 200
    assert response.event["requestContext"]["requestId"] == response.headers["X-Fc-Request-Id"]


def test_json_form_and_files():
    client = Client(handler)
    assert client.post("/echo/x", json={"键": 1}).json["json"] == {"键": 1}
    assert client.post("/echo/x", data={"a": ["1", "2"]}).json["form"] == {"a": ["1", "2"]}
    response = client.post("/echo/x", data={"a": "1"}, files={"f": (io.BytesIO(b"one"), "读.txt"), "g": b"two"})
    assert response.json["form"] == {"a": ["1"]}
    assert response.json["files"] == {"f": ["读.txt", "one"], "g": ["g", "two"]}
    assert response.event["isBase64Encoded"] is True
    assert client.post("/echo/x", files={"g": b"two"}).json["files"] == {"g": ["g", "two"]}


def test_cookies_and_redirects():
    client = Client(handler)
    assert client.get("/visit").text == "1"
    response = client.get("/away", follow_redirects=True)
    assert response.text == "2"
    assert client.get_cookie("a").value == "1"
    assert response.headers["X-Text"].encode("latin-1").decode() == "你"


def test_platform_has_its_way():
    response = Client(handler).get("/odd")
    assert (response.status_code, response.status, response.data) == (299, "299 Unknown", b"\xff\x00")
    assert response.headers["Content-Disposition"] == "attachment"
    assert "Server" not in response.headers
    assert "Content-Disposition" not in Client(handler, custom_domain=True).get("/odd").headers
    assert Client(handler).head("/echo/x").data == b""


def test_limits_of_the_gateway():
    client = Client(handler)
    response = client.get("/visit", headers={"X-Large": "x" * 9000})
    assert (response.status_code, response.json["errorCode"]) == (400, "InvalidArgument")
    assert (response.event, response.result) == (None, None)
    envelope = {"statusCode": 200, "headers": {"X-Large": "x" * 9000}}
    response = Client(lambda event, context: envelope).get("/")
    assert (response.status_code, response.json["errorCode"]) == (502, "BadResponse")
    assert response.result == envelope


def test_errors_come_out():
    with pytest.raises(LookupError, match="broken"):
        Client(failing).get("/")
    with pytest.raises(TypeError, match="bytes is not JSON serializable"):
        Client(lambda event, context: {"statusCode": b""}).get("/")


def test_any_handler():
    response = Client(lambda event, context: json.loads(event)["rawPath"]).get("/plain")
    assert (response.text, response.headers["Content-Type"]) == ("/plain", "application/json")
    assert response.result == "/plain"
    assert isinstance(response, werkzeug.test.TestResponse)


def check_httpx(response):
    assert response.status_code == 200
    assert response.json()["raw"] == "/echo/%E4%BD%A0/a%2Fb?x=1,2"
    assert response.json()["form"] == {"a": ["b"]}
    assert response.json()["header"] == "é"
    assert response.extensions["fc_adapter.event"]["rawPath"] == "/echo/%E4%BD%A0/a%2Fb"
    assert response.extensions["fc_adapter.result"]["statusCode"] == 200


URL = "/echo/你/a%2Fb?x=1&x=2"
SENT = {"data": {"a": "b"}, "headers": [(b"X-Test", "é".encode())]}


def test_httpx():
    with httpx.Client(transport=Transport(handler), base_url="https://h.example", follow_redirects=True) as client:
        check_httpx(client.post(URL, **SENT))
        assert client.get("/away").text == "1"
        assert client.get("/visit").text == "2"
        assert client.head("/visit").content == b""


def test_async_httpx():
    async def main():
        async with httpx.AsyncClient(transport=Transport(handler), base_url="http://h.example") as client:
            return await client.post(URL, **SENT)

    check_httpx(asyncio.run(main()))


def test_errors_come_out_of_httpx():
    with httpx.Client(transport=Transport(failing)) as client, pytest.raises(LookupError, match="broken"):
        client.get("https://h.example/")


def test_unknown_name():
    with pytest.raises(AttributeError, match=r"module 'fc_adapter.testing' has no attribute 'spam'"):
        _ = fc_adapter.testing.spam
