"""The inspector's page and API: what it serves, what it does, and whom it refuses."""

from __future__ import annotations

import base64
import json
import re
import threading
from importlib.metadata import version
from importlib.resources import files

import pytest
from werkzeug.test import Client

from fc_adapter.contract.response import dump_result
from fc_adapter.contract.trigger import Trigger
from fc_adapter.inspector import app as app_module
from fc_adapter.inspector.history import KEPT
from fc_adapter.runner.gateway import Gateway
from fc_adapter.runner.life import State
from fc_adapter.runner.observer import Observer
from tests.inspector.test_describe import PNG, echo
from tests.support.inspecting import BEARER, JSON_HEADERS, TOKEN, AuthorizedClient, inspected
from tests.support.server import PATIENCE, wait_until

STATIC = sorted(each.name for each in files("fc_adapter.inspector").joinpath("static").iterdir())


@pytest.fixture
def subject():
    with inspected(echo, environment={"API_TOKEN": "token-of-the-function"}) as subject:
        yield subject


@pytest.fixture
def client(subject):
    return AuthorizedClient(subject.app)


def act(client, path, fields=None, *, method="POST", headers=JSON_HEADERS, **options):
    return client.open(path, method=method, data=json.dumps(fields or {}), headers=headers, **options)


# ---- who knows the token ---------------------------------------------------------------------------------------------

# An address of each kind that the inspector has, with its method.
ADDRESSES = [
    ("GET", "/api/live"),
    ("GET", "/api/search?q=a"),
    ("GET", "/api/har"),
    ("POST", "/api/requests"),
    ("DELETE", "/api/invocations"),
    ("GET", "/api/invocations/{0}"),
    ("GET", "/api/invocations/{0}/request"),
    ("GET", "/api/invocations/{0}/image/request"),
    ("GET", "/api/invocations/{0}/curl"),
    ("GET", "/api/invocations/{0}/har"),
    ("GET", "/api/invocations/{0}/diff/{0}"),
    ("POST", "/api/invocations/{0}/again"),
    ("POST", "/api/invocations/{0}/pin"),
    ("POST", "/api/instances/in-process/end"),
]


def test_there_is_no_other_address():
    patterns = {(next(iter(rule.methods - {"HEAD", "OPTIONS"})), len(rule.rule.split("/"))) for rule in _rules()}
    assert patterns - {("GET", 2)} == {(method, len(path.split("/"))) for method, path in ADDRESSES}
    fixed = {path.partition("?")[0] for _, path in ADDRESSES if "{" not in path and path.count("/") < 4}
    assert {rule.rule for rule in _rules() if "<" not in rule.rule} == fixed


def _rules():
    return [rule for rule in app_module._URLS.iter_rules() if rule.endpoint not in ("page", "static")]


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Bearer {TOKEN}\xe9"},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"Cookie": "fc-adapter-inspector-9001="},
        {"Cookie": "fc-adapter-inspector-9001=x"},
        {"Cookie": f"fc-adapter-inspector-9000={TOKEN}"},
        {"Cookie": f"token={TOKEN}"},
        {"X-Token": TOKEN},
    ],
    ids=str,
)
def test_who_does_not_know_the_token_gets_and_does_nothing(subject, method, path, headers):
    entry = subject.send()
    headers = {"Host": "127.0.0.1:9001", **JSON_HEADERS, **headers}
    data = json.dumps({"method": "GET", "target": "/", "headers": [], "body": {"text": ""}, "origin": None})
    answer = Client(subject.app, use_cookies=False).open(
        path.format(entry.request_id), method=method, data=data, headers=headers
    )
    assert answer.status_code == 401
    assert answer.json["error"].startswith("the inspector needs its token: open the address that fc-adapter serve has")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert subject.history.entries() == [entry]
    assert subject.roster.latest().life.is_alive


@pytest.mark.parametrize("path", ["/api/invocations/{0}?token=" + TOKEN, "/api/live?token=" + TOKEN])
def test_addresses_of_the_api_have_no_token(subject, path):
    assert Client(subject.app).get(path.format(subject.send().request_id)).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "token", "Token"])
def test_scripts_send_the_token_in_a_header(subject, scheme):
    headers = {"Authorization": f"{scheme} {TOKEN}"}
    assert Client(subject.app).get(f"/api/invocations/{subject.send().request_id}", headers=headers).status_code == 200


def test_address_with_the_token_sets_a_cookie_and_leads_to_the_page(subject):
    client = Client(subject.app)
    host = {"Host": "localhost:9001"}
    answer = client.get(f"/?token={TOKEN}", headers=host)
    assert (answer.status_code, answer.headers["Location"], answer.data) == (303, "/", b"")
    cookie = answer.headers["Set-Cookie"]
    assert cookie == f"fc-adapter-inspector-9001={TOKEN}; HttpOnly; Path=/; SameSite=Strict"
    path = f"/api/invocations/{subject.send().request_id}"
    assert (
        Client(subject.app, use_cookies=False)
        .get(path, headers={**host, "Cookie": cookie.partition(";")[0]})
        .status_code
        == 200
    )


def test_page_itself_is_no_secret(subject):
    client = Client(subject.app)
    assert client.get("/").status_code == 200
    assert "Set-Cookie" not in client.get("/").headers
    assert client.get("/static/main.js").status_code == 200
    wrong = client.get("/?token=x")
    assert (wrong.status_code, wrong.mimetype, wrong.headers.get("Set-Cookie")) == (401, "text/html", None)


def test_token_opens_nothing_for_other_origins(subject):
    path = f"/api/invocations/{subject.send().request_id}"
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert Client(subject.app).get(path, headers={**BEARER, **headers}).status_code == 403


def test_token_never_shows(subject, client):
    # A browser sends the page's cookie to the function on another port of the same host, too.
    entry = subject.send(headers=[("Cookie", f"fc-adapter-inspector-9001={TOKEN}"), ("X-A", TOKEN)])
    for path in READERS[:7]:
        assert TOKEN not in client.get(f"{address_of(entry, path)}?reveal=1").text


# ---- the page --------------------------------------------------------------------------------------------------------


def test_page(client):
    page = client.get("/")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert page.text.startswith("<!doctype html>")
    assert "'unsafe" not in page.headers["Content-Security-Policy"]
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("name", STATIC)
def test_files_of_the_page(client, name):
    answer = client.get(f"/static/{name}")
    assert answer.status_code == 200
    assert (
        answer.mimetype
        == {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}[
            name.rpartition(".")[2]
        ]
    )
    assert "Content-Security-Policy" in answer.headers


def test_page_asks_nobody_else_for_anything_and_has_nothing_inline():
    for name in STATIC:
        source = files("fc_adapter.inspector").joinpath("static", name).read_text(encoding="utf-8")
        addresses = source.replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in addresses
        assert "https:" not in addresses
        assert not {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("} & set(source.split("."))
        if name.endswith(".html"):
            assert "style=" not in source
            assert "<style" not in source
            assert source.count("<script") == source.count('<script type="module" src="static/')


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/static/none.js",
        "/static/../app.py",
        "/static/%2e%2e%2fapp.py",
        "/api/invocations/none",
        "/api/none",
    ],
)
def test_what_there_is_not(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert "Content-Security-Policy" in answer.headers


def test_wrong_methods(client):
    assert client.post("/").status_code == 405
    assert client.get("/api/requests").status_code == 405


# ---- who is refused --------------------------------------------------------------------------------------------------


NO_ADDRESS = pytest.param(
    "[", marks=pytest.mark.skipif(version("werkzeug") == "3.1.6", reason="its test client cannot send this")
)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:9001", "127.0.0.1.evil.example", "10.0.0.1", "", NO_ADDRESS, "localhost.evil"],
)
def test_other_names_of_this_machine(client, host):
    for path in ("/", "/api/live", "/static/main.js"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 403
    assert "this machine's own addresses" in answer.json["error"]


@pytest.mark.parametrize("host", ["127.0.0.1:9001", "localhost:9001", "LOCALHOST", "[::1]:9001"])
def test_own_names_of_this_machine(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://127.0.0.1:9001"}, 404),
        ({"Origin": "http://127.0.0.1:9001", "Sec-Fetch-Site": "same-origin"}, 404),
        ({"Sec-Fetch-Site": "none"}, 404),
        ({"Origin": "http://127.0.0.1:3000"}, 403),
        ({"Origin": "https://127.0.0.1:9001"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
    ],
)
def test_other_origins(client, headers, status):
    answer = client.get("/api/invocations/none", headers={"Host": "127.0.0.1:9001", **headers})
    assert answer.status_code == status


def test_link_on_another_site_opens_the_page_and_no_more(client):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/", headers=headers).status_code == 200
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/requests"),
        ("POST", "/api/invocations/none/again"),
        ("DELETE", "/api/invocations"),
        ("POST", "/api/instances/none/end"),
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "application/json"},
        {"X-Fc-Adapter-Inspector": "1"},
        {**JSON_HEADERS, "Content-Type": "text/plain"},
        {**JSON_HEADERS, "Origin": "http://evil.example"},
        {**JSON_HEADERS, "Host": "evil.example"},
    ],
)
def test_actions_that_are_not_the_page_s(subject, client, method, path, headers):
    assert act(client, path, method=method, headers=headers).status_code == 403
    assert subject.history.entries() == []


# ---- invocations -----------------------------------------------------------------------------------------------------


def test_detail(subject, client):
    entry = subject.send(headers=[("Authorization", "Bearer secret-of-mine")])
    detail = client.get(f"/api/invocations/{entry.request_id}")
    assert detail.json["id"] == entry.request_id
    assert detail.json["timeline"][-1]["name"] == "handler"
    assert "secret-of-mine" not in detail.text
    assert "secret-of-mine" in client.get(f"/api/invocations/{entry.request_id}?reveal=1").text


def test_detail_of_one_that_was_refused_and_of_one_that_runs(subject, client):
    entry = subject.send("TRACE")
    assert client.get(f"/api/invocations/{entry.request_id}").json["failure"] == "refused"
    subject.history.begin(entry.request, "1-running")
    assert client.get("/api/invocations/1-running").json["status"] is None


def test_detail_of_one_whose_instance_stands_still(subject, client):
    entry = subject.send()
    life = subject.roster.find("in-process").life
    life.state, life.frozen_at = State.FROZEN, entry.began + 99
    detail = client.get(f"/api/invocations/{entry.request_id}").json
    assert detail["timeline"][-1] == {"name": "freeze", "from": 99_000, "to": None}


def test_credentials_of_the_function_s_environment(subject, client):
    entry = subject.send(target="/token-of-the-function", headers=[("X-A", "token-of-the-function")])
    for query in ("", "?reveal=1"):
        assert "token-of-the-function" not in client.get(f"/api/invocations/{entry.request_id}{query}").text


def test_images(subject, client):
    headers = [("Content-Type", "text/html")]
    entry = subject.send("POST", "/", headers, PNG)
    image = client.get(f"/api/invocations/{entry.request_id}/image/request")
    assert (image.data, image.mimetype) == (PNG, "image/png")
    assert "Content-Security-Policy" in image.headers
    for station in ("response", "event", "nothing"):
        assert client.get(f"/api/invocations/{entry.request_id}/image/{station}").status_code == 404
    large = subject.send("POST", "/", headers, PNG + b"x" * KEPT)
    assert client.get(f"/api/invocations/{large.request_id}/image/request").status_code == 404
    subject.history.begin(entry.request, "1-running")
    assert client.get("/api/invocations/1-running/image/response").status_code == 404
    svg = subject.send("POST", "/", [("Content-Type", "image/svg+xml")], b"<svg onload='alert(1)'/>")
    assert client.get(f"/api/invocations/{svg.request_id}/image/request").status_code == 404


def test_snippets(subject, client):
    entry = subject.send("POST", "/", [("Host", "a")], b"x")
    path = f"/api/invocations/{entry.request_id}"
    curl = client.get(f"{path}/curl")
    assert (curl.mimetype, curl.text.split()[0]) == ("text/plain", "curl")
    assert "http://127.0.0.1:9000/" in curl.text
    assert "SimpleNamespace" in client.get(f"{path}/test").text  # a plain handler gets a context
    event = client.get(f"{path}/event")
    assert (event.mimetype, json.loads(event.data)) == ("text/plain", entry.exchange.event)
    saved = client.get(f"{path}/event?save=1")
    assert (saved.mimetype, saved.data) == ("application/json", event.data)
    assert saved.headers["Content-Disposition"] == f"attachment; filename=event-{entry.request_id}.json"
    assert client.get(f"{path}/other").status_code == 404


def test_snippet_before_there_was_an_instance(subject, client, monkeypatch):
    entry = subject.send()
    monkeypatch.setattr(subject.roster, "latest", lambda: None)
    assert "SimpleNamespace" not in client.get(f"/api/invocations/{entry.request_id}/test").text


# Where a secret can be, in a request whose response has it, too.
PLACES = {
    "target": {"target": "/{0}?{0}={0}"},
    "name of a header": {"headers": [("{0}", "x")]},
    "header": {"headers": [("X-A", "a {0}")]},
    "text": {"body": "a {0}", "headers": [("Content-Type", "text/plain")]},
    "JSON": {"body": '{{"a": "{0}"}}', "headers": [("Content-Type", "application/json")]},
    "form": {"body": "a={0}", "headers": [("Content-Type", "application/x-www-form-urlencoded")]},
    "Base64": {"body": "a {0}", "headers": [("Content-Type", "application/octet-stream")]},
    "bytes": {"body": b"\xff\0 {0}", "headers": []},
    "image": {"body": PNG + b" {0}", "headers": []},
}
SECRET, COOKIE = "token-of-the-function", "cookie-of-the-client"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("reveal", [False, True])
def test_secrets_are_in_no_answer(subject, client, place, reveal):
    options = {"method": "POST", "target": "/", "body": b"", **PLACES[place]}
    for secret, is_shown in ((SECRET, False), (COOKIE, reveal)):
        body = options["body"] if isinstance(options["body"], bytes) else options["body"].encode()
        headers = [(name.format(secret), value.format(secret)) for name, value in options.get("headers", ())]
        entry = subject.send(
            "POST",
            options["target"].format(secret),
            [("Cookie", f"session={COOKIE}"), *headers],
            body.replace(b"{0}", secret.encode()).replace(b"{{", b"{").replace(b"}}", b"}"),
        )
        answers = [client.get(f"{address_of(entry, path)}?reveal={reveal:d}") for path in READERS]
        assert {answer.status_code for answer in answers[:-2]} == {200}
        seen = {text for answer in answers for text in each_text(answer)}
        assert any(secret in text for text in seen) == is_shown
        image = answers[-2].status_code == 200
        assert image == (place == "image" and is_shown)


READERS = ("", "/request", "/curl", "/test", "/event", "/har", "/diff/{0}", "/image/request", "/image/response")


def address_of(entry, reader):
    return f"/api/invocations/{entry.request_id}{reader.format(entry.request_id)}"


def each_text(answer):
    """An answer as text, and all that is Base64 in it."""
    text = answer.data.decode("utf-8", "replace")
    yield text
    for word in re.findall("[A-Za-z0-9+/]{8,}", text):
        yield base64.b64decode(word[: len(word) // 4 * 4]).decode("latin-1")


def test_copy_with_secrets_runs_and_one_without_expects_what_came(subject, client):
    entry = subject.send("POST", "/", [("Cookie", f"session={COOKIE}")], b"x")
    paths = [f"/api/invocations/{entry.request_id}/{kind}" for kind in ("curl", "test", "event")]
    for path in paths:
        assert COOKIE not in client.get(path).text
        assert "session=•••" in client.get(path).text
        assert COOKIE in client.get(f"{path}?reveal=1").text
    size = len(entry.exchange.response.body)
    assert f"assert len(response.data) == {size}" in client.get(paths[1]).text  # it has the cookie in it
    assert "assert response.json == " in client.get(f"{paths[1]}?reveal=1").text


# What a function may return that is hard to show.
HARD = {
    "deep JSON": "[" * 100_000 + "]" * 100_000,
    "JSON that is just too deep": {"statusCode": 200, "body": "[" * 960 + "]" * 960},
    "deep body": '{"statusCode": 200, "body": ' + "[" * 960 + "]" * 960 + "}",
    "deep status": '{"statusCode": ' + "[" * 900 + "]" * 900 + "}",
    "deep header": '{"statusCode": 200, "headers": {"Content-Type": ' + "[" * 900 + "]" * 900 + "}}",
    "list of headers": {"statusCode": 502, "headers": ["a"], "body": '{"errorCode": "BadResponse"}'},
    "surrogates": {"statusCode": 200, "headers": {"X-A": "\ud800", "\udfff": "x"}, "body": "\ud83d"},
    "NaN": {"statusCode": 200, "body": "[NaN, Infinity, 1e999]"},
    "NaN for a status": {"statusCode": float("nan")},
    "a large number": '{"statusCode": ' + "1" * 4000 + ', "body": ' + "1" * 4000 + "}",
    "no UTF-8": b"\xff\xfe\0",
    "thousands of headers": {"statusCode": 200, "headers": {f"X-{number}": "v" for number in range(3000)}},
    "thousands of cookies": {
        "statusCode": 200,
        "headers": {"Cookie": "; ".join([f"a{n}=value-{n}" for n in range(900)])},
    },
    "Base64 that is none": {"statusCode": 200, "isBase64Encoded": True, "body": "?"},
}


@pytest.mark.parametrize("name", HARD)
def test_whatever_a_function_returns(name):
    returned = HARD[name]
    with inspected(lambda event, context: returned) as subject:
        client = AuthorizedClient(subject.app)
        data = dump_result(returned)
        entry = subject.send("POST", "/", [("Content-Type", "application/json")], data)
        for path in READERS:
            for query in ("", "?reveal=1"):
                answer = client.get(address_of(entry, path) + query)
                assert answer.status_code in ((404,) if "image" in path else (200,)), answer.text
                if path == "/test":
                    compile(answer.text, "test.py", "exec")
        assert next(messages(subject, client))["invocations"][0]["id"] == entry.request_id


def test_whatever_a_function_writes_into_the_pipe():
    with inspected(echo) as subject:
        client = AuthorizedClient(subject.app)
        exchange = subject.send("POST", "/", [], b"x").exchange
        forged = [
            {"report": {"status": 200, "headers": [], "size": 1, "background": 1e308}},
            {"report": {"status": 200, "headers": [["A", "\ud800"]], "size": 1, "background": None}},
            {"report": {"status": 200, "headers": [[1]], "size": "x", "background": None}},
            {"report": ["status"]},
            {"kind": "error", "data": b"[" * 100_000, "traceback": "\0\ud800"},
            {"kind": "error", "data": b'{"errorMessage": "a\\u0000b\\ud800", "errorType": null}'},
            {"kind": "error", "data": b'{"errorMessage": [1], "errorType": {}, "stackTrace": [[[]]]}'},
        ]
        for number, fields in enumerate(forged):
            subject.history.begin(exchange.request, f"1-{number}")
            reply = exchange.reply._replace(**fields)
            subject.history.end(exchange._replace(request_id=f"1-{number}", reply=reply))
            for path in READERS[:7]:
                answer = client.get(f"/api/invocations/1-{number}{path.format(f'1-{number}')}")
                assert answer.status_code == 200, (fields, path)
                assert "Infinity" not in answer.text
                if path == "/test":
                    compile(answer.text, "test.py", "exec")


def test_malformed_request_cannot_be_sent_again(subject, client):
    subject.platform.gateway.refuse("no", "GET", "", "127.0.0.1")
    entry = subject.last()
    assert act(client, f"/api/invocations/{entry.request_id}/again").json == {"error": "malformed"}
    assert client.get(f"/api/invocations/{entry.request_id}/curl").json == {"error": "malformed"}


def test_snippets_that_cannot_be_had(subject, client):
    entry = subject.send("TRACE")
    answer = client.get(f"/api/invocations/{entry.request_id}/event")
    assert (answer.status_code, answer.json) == (409, {"error": "no-event"})


# ---- actions ---------------------------------------------------------------------------------------------------------


def replayed(subject, answer):
    """The entry of what an action has sent."""
    assert answer.status_code == 202
    wait_until(lambda: (subject.history.find(answer.json["id"]) or subject.last()).exchange)
    return wait_until(lambda: subject.history.find(answer.json["id"]))


def test_a_secret_that_a_path_spells_in_escapes(subject, client):
    escapes = "".join(f"%{byte:02X}" for byte in b"secret-of-mine")
    entry = subject.send("GET", f"/{escapes}", [("Authorization", "Bearer secret-of-mine")])
    for place in ("", "/request", "/curl", "/test", "/event", "/har"):
        text = client.get(f"/api/invocations/{entry.request_id}{place}").text
        assert escapes not in text
        assert escapes.lower().replace("%", "_")[1:] not in text  # the name of a test


def test_what_is_gone_before_it_was_seen_is_not_waited_for(subject, client):
    # As when so many requests come at the same time that the history lets go of this one at once.
    subject.app._gateway = Gateway(subject.platform.pool, Trigger(), Observer())
    entry = subject.send()
    sent = act(client, f"/api/invocations/{entry.request_id}/again")
    assert sent.status_code == 202
    assert client.get(f"/api/invocations/{sent.json['id']}").status_code == 404


def test_send_again(subject, client):
    entry = subject.send("POST", "/a?b=c", [("X-A", "1"), ("Authorization", "Bearer secret-of-mine")], b"\xff\0")
    again = replayed(subject, act(client, f"/api/invocations/{entry.request_id}/again"))
    wait_until(lambda: again.exchange)
    assert again.origin == entry.request_id
    assert again.exchange.request == entry.exchange.request
    assert again.exchange.response.body == entry.exchange.response.body


def test_answer_waits_until_what_was_sent_is_known(subject, client, monkeypatch):
    looked = threading.Event()
    handle, wait = subject.platform.gateway.handle, subject.history.wait

    def handle_late(*arguments, **options):
        assert looked.wait(PATIENCE)
        handle(*arguments, **options)

    monkeypatch.setattr(subject.platform.gateway, "handle", handle_late)
    monkeypatch.setattr(subject.history, "wait", lambda *arguments: looked.set() or wait(*arguments))
    fields = {"method": "GET", "target": "/late", "headers": [], "body": {"text": ""}, "origin": None}
    assert replayed(subject, act(client, "/api/requests", fields)).request.raw_path == "/late"


def test_pin(subject, client):
    entry = subject.send()
    path = f"/api/invocations/{entry.request_id}"
    assert act(client, f"{path}/pin").json == {}
    assert client.get(path).json["pinned"] is True
    assert act(client, f"{path}/pin", {"pinned": False}).json == {}
    assert client.get(path).json["pinned"] is False
    for _ in range(100):
        subject.history.pin(subject.send(), is_pinned=True)
    assert act(client, f"{path}/pin").json == {"error": "pinned-enough"}


def test_send_again_what_is_large(subject, client):
    body = bytes(range(256)) * (KEPT // 256) + b"end"
    entry = subject.send("POST", "/", [], body)
    path = f"/api/invocations/{entry.request_id}"
    assert client.get(path).json["sendable"] is True
    again = replayed(subject, act(client, f"{path}/again"))
    assert subject.history.body(again) == body
    form = client.get(f"{path}/request").json
    assert form["body"] == {"kept": len(body)}
    edited = replayed(subject, act(client, "/api/requests", {**form, "target": "/b", "origin": entry.request_id}))
    assert (edited.target, subject.history.body(edited)) == ("/b", body)
    assert act(client, "/api/requests", {**form, "origin": None}).json == {"error": "cut"}


def test_send_again_what_is_not_whole(subject, client):
    entry = subject.send("POST", "/", [], b"x" * (KEPT + 1))
    subject.history.spool.forget(entry.request_id)
    assert client.get(f"/api/invocations/{entry.request_id}").json["sendable"] is False
    answer = act(client, f"/api/invocations/{entry.request_id}/again")
    assert (answer.status_code, answer.json) == (409, {"error": "cut"})
    assert act(client, "/api/invocations/none/again").status_code == 404


def test_edit_and_send(subject, client):
    headers = [("X-A", "1"), ("Authorization", "Bearer secret-of-mine"), ("Cookie", "a=secret-cookie")]
    entry = subject.send("POST", "/a?b=c", headers, "你".encode())
    path = f"/api/invocations/{entry.request_id}/request"
    fields = client.get(path).json
    assert fields == {
        "method": "POST",
        "target": "/a?b=c",
        "headers": [["X-A", "1"], ["Authorization", "Bearer •••"], ["Cookie", "a=•••"]],
        "body": {"text": "你"},
        "reveal": False,
    }
    assert client.get(f"{path}?reveal=1").json["headers"][1] == ["Authorization", "Bearer secret-of-mine"]
    fields["headers"][0][1] = "2"
    fields["headers"][2][1] = "a=other"
    fields.update(method="PUT", target="/z?y=x", body={"text": "好"}, origin=entry.request_id)
    sent = replayed(subject, act(client, "/api/requests", fields))
    assert (sent.origin, sent.request.method, sent.request.raw_path) == (entry.request_id, "PUT", "/z")
    assert sent.request.query_string == "y=x"
    assert sent.request.body == "好".encode()
    assert dict(sent.request.headers) == {
        "X-A": "2",
        "Authorization": "Bearer secret-of-mine",
        "Cookie": "a=other",
        "Content-Length": "3",
    }


def test_secrets_stay_in_what_is_edited_around_them(subject, client):
    headers = [("Cookie", "a=secret-cookie"), ("Cookie", "a=other-cookie"), ("X-A", "token-of-the-function")]
    body = b'{"key": "token-of-the-function", "cookie": "secret-cookie", "n": 1}'
    entry = subject.send("POST", "/token-of-the-function?c=other-cookie", headers, body)
    for query, masks in (("", ("•••", "•••")), ("?reveal=1", ("secret-cookie", "other-cookie"))):
        fields = client.get(f"/api/invocations/{entry.request_id}/request{query}").json
        assert fields["target"] == f"/•••?c={masks[1]}"
        assert fields["headers"] == [["Cookie", f"a={masks[0]}"], ["Cookie", f"a={masks[1]}"], ["X-A", "•••"]]
        assert json.loads(fields["body"]["text"]) == {"key": "•••", "cookie": masks[0], "n": 1}
        fields["target"] += "&d"
        fields["body"]["text"] = fields["body"]["text"].replace("1}", "2}")
        sent = replayed(subject, act(client, "/api/requests", {**fields, "origin": entry.request_id})).request
        assert (sent.raw_path, sent.query_string) == ("/token-of-the-function", "c=other-cookie&d")
        assert sent.body == body.replace(b"1}", b"2}")
        assert sent.headers[:3] == tuple(headers)
    fields = client.get(f"/api/invocations/{entry.request_id}/request").json
    fields["body"] = {"text": "•••"}  # whose it is cannot be told
    sent = replayed(subject, act(client, "/api/requests", {**fields, "origin": entry.request_id})).request
    assert sent.body == "•••".encode()


def test_edit_binary(subject, client):
    entry = subject.send("POST", "/", [], b"\xff\0")
    fields = client.get(f"/api/invocations/{entry.request_id}/request").json
    assert fields["body"] == {"base64": base64.b64encode(b"\xff\0").decode()}
    sent = replayed(subject, act(client, "/api/requests", {**fields, "origin": entry.request_id}))
    assert sent.request.body == b"\xff\0"


def test_new_request(subject, client):
    fields = {"method": "GET", "target": "http://shop.example/x", "headers": [["X-A", "1"]], "body": {"text": ""}}
    sent = replayed(subject, act(client, "/api/requests", {**fields, "origin": None}))
    assert (sent.origin, sent.request.server[0]) == ("", "shop.example")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"method": "G E T"}, "'G E T' is not an HTTP method"),
        ({"target": "x"}, "the target must begin with /, got 'x'"),
        ({"target": "http://[/"}, "IPv6"),
        ({"headers": [["a b", "c"]]}, "is not an HTTP header"),
        ({"headers": [["X-A", "c\nX-B: d"]]}, "is not an HTTP header"),
        ({"headers": ["x"]}, "unpack"),
        ({"headers": 1}, "iterable"),
        ({"body": {"base64": "?"}}, "base64"),
        ({"body": {}}, "text"),
        ({"body": None}, "NoneType"),
        ({"body": {"text": 1}}, "encode"),
    ],
)
def test_malformed_requests_say_why(subject, client, change, reason):
    fields = {"method": "GET", "target": "/", "headers": [], "body": {"text": ""}, "origin": None}
    answer = act(client, "/api/requests", {**fields, **change})
    assert answer.status_code == 400
    assert reason in answer.json["error"]
    assert subject.history.entries() == []


@pytest.mark.parametrize("data", ["", "{", "[]", "1"])
def test_malformed_actions(client, data):
    assert client.post("/api/requests", data=data, headers=JSON_HEADERS).status_code == 400


def test_requests_that_are_too_large(client, monkeypatch):
    monkeypatch.setattr(app_module, "_REQUEST_BYTES", 100)
    assert act(client, "/api/requests", {"body": "x" * 200}).status_code == 413


def test_clear(subject, client):
    subject.send()
    assert act(client, "/api/invocations", method="DELETE").status_code == 200
    assert subject.history.entries() == []


def test_end_an_instance(subject, client):
    subject.send()
    instance = subject.roster.latest()
    assert act(client, "/api/instances/in-process/end").status_code == 200
    wait_until(lambda: not instance.life.is_alive)
    assert (instance.life.end_reason, instance.life.state) == ("asked", State.ENDED)
    wait_until(lambda: act(client, "/api/instances/in-process/end").json == {"error": "gone"})
    assert act(client, "/api/instances/in-process/end").status_code == 409
    subject.send()
    assert subject.roster.latest() is not instance


# ---- what happens ----------------------------------------------------------------------------------------------------


def messages(subject, client):
    for line in client.get("/api/live").response:
        text = line.decode()
        yield json.loads(text[6:]) if text.startswith("data: ") else text


def test_live_stream(subject, client):
    subject.send(target="/first")
    stream = messages(subject, client)
    first = next(stream)
    assert first["facts"] == {"url": "http://127.0.0.1:9000"}
    assert [each["target"] for each in first["invocations"]] == ["/first"]
    assert [each["id"] for each in first["instances"]] == ["in-process"]
    subject.send(target="/second")
    second = next(stream)
    assert [each["target"] for each in second["invocations"]] == ["/second"]
    assert second["numbers"] == [1, 2]
    assert "facts" not in second
    subject.history.clear()
    assert next(stream)["numbers"] == []
    subject.app.close()
    assert list(stream) == []


def test_live_stream_of_nothing(subject, client, monkeypatch):
    monkeypatch.setattr(app_module, "_LOOK", 0.001)
    monkeypatch.setattr(app_module, "_BEAT", 0.0)
    stream = messages(subject, client)
    assert next(stream)["invocations"] == []
    assert next(stream) == ":\n\n"
    monkeypatch.setattr(app_module, "_BEAT", 1e9)
    looks = []
    describe = subject.roster.describe
    monkeypatch.setattr(subject.roster, "describe", lambda: looks.append(1) or describe())
    answers = []
    thread = threading.Thread(target=lambda: answers.append(next(stream)))
    thread.start()
    wait_until(lambda: len(looks) > 2)
    subject.send()
    thread.join(20)
    assert "invocations" in answers[0] or "instances" in answers[0]
