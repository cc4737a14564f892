"""What the page gets to know of an invocation: all that is needed, no credentials, and bodies as what they are."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import random
import string
import threading
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fc_adapter
from fc_adapter.contract.trigger import read_request
from fc_adapter.inspector.bodies import describe_body, image_type
from fc_adapter.inspector.describe import Describer
from fc_adapter.inspector.entry import KEPT, Begun, Entry
from fc_adapter.inspector.masking import (
    MASK,
    Masker,
    environment_secrets,
    header_secrets,
    mask_base64,
    mask_bytes,
    mask_header,
    mask_json,
    unmask_bytes,
)
from fc_adapter.inspector.timeline import find_freeze
from fc_adapter.messages import Response
from fc_adapter.runner.gateway import Exchange
from fc_adapter.runner.life import Life, Reply, State
from fc_adapter.runner.observer import Sent
from tests.support.inspecting import inspected
from tests.support.server import wait_until

PNG = b"\x89PNG\r\n\x1a\n rest"


def echo(event, context):
    event = json.loads(event)
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(event["headers"])}


# ---- secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Accept", "text/html", "text/html"),
        ("Authorization", "Bearer abc.def", f"Bearer {MASK}"),
        ("authorization", "abcdef", MASK),
        ("Proxy-Authorization", "Basic eDp5", f"Basic {MASK}"),
        ("Cookie", "a=1; b=2=3; odd", f"a={MASK}; b={MASK};{MASK}"),
        ("Set-Cookie", "a=1; Path=/; HttpOnly", f"a={MASK}; Path=/; HttpOnly"),
        ("Set-CookiE", "a=1", f"a={MASK}"),
        ("X-Api-Key", "k e y", MASK),
        ("X-Auth-Token", "t", MASK),
        ("X-Fc-Security-Token", "t", MASK),
        ("Key", "t", MASK),
        ("Monkey", "banana", "banana"),
        ("Authorization", "", ""),
    ],
)
def test_values_of_headers(name, value, shown):
    assert mask_header(name, value) == shown


def test_secrets_of_headers():
    headers = [("Cookie", "a=first; second"), ("Set-Cookie", "b=third; Path=/"), ("Authorization", "Bearer fourth")]
    headers += [("Accept", "fifth")]
    assert header_secrets(headers) == ["first", "second", "third", "Bearer fourth", "fourth"]


def test_secrets_of_the_environment():
    environment = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI5t",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret-of-it",
        "ALIBABA_CLOUD_SECURITY_TOKEN": "token-of-it",
        "DB_PASSWORD": "hunter22",
        "MAIL_PWD": "hunter33",
        "DATABASE_URL": "postgres://me:pass%20word@db/x?a=b",
        "PATH": "/usr/bin",
        "PWD": "/home/me/project",
        "KEYBOARD": "us",
    }
    found = environment_secrets(environment)
    assert found == ["LTAI5t", "secret-of-it", "token-of-it", "hunter22", "hunter33", "pass%20word"]


def test_secrets_in_texts_in_whatever_form():
    mask = Masker(['pa"ss/wörd', "short", ""])
    text = 'x pa"ss/wörd y pa\\"ss/wörd z pa\\"ss/w\\u00f6rd pa%22ss%2Fw%C3%B6rd short'
    assert mask(text) == f"x {MASK} y {MASK} z {MASK} {MASK} short"
    assert Masker([])(text) == text


def test_secrets_that_overlap_leave_nothing():
    mask = Masker(["abcdefgh", "cdefgh", "ghijkl", "efghij1", "bcdefghi"])
    assert mask("abcdefghijkl") == MASK
    assert mask("abcdefghijk") == f"{MASK}jk"
    assert mask("xcdefghcdefghx") == f"x{MASK}{MASK}x"
    assert mask("abcdefabcdefgh efghij12") == f"abcdef{MASK} {MASK}2"


@given(
    st.lists(st.text("ab", min_size=6, max_size=12), min_size=1, max_size=80),
    st.text("abc", max_size=100),
)
def test_every_occurrence_of_a_secret_is_found(secrets, text):
    hidden = set()
    for secret in secrets:
        for start in range(len(text)):
            if text.startswith(secret, start):
                hidden |= set(range(start, start + len(secret)))
    found = Masker(secrets).find(text)
    assert set().union(*(range(*place) for place in found)) == hidden
    assert found == sorted(found)


def test_secrets_that_are_no_unicode():
    mask = Masker(["caf\udce9-key", "half\ud83d-of-it"])  # the first as os.environ has bytes
    for text in ("caf\udce9-key", "caf\\xe9-key", "caf%E9-key", "caf\xe9-key", "caf\ufffd-key", "half\ud83d-of-it"):
        assert mask(f"<{text}>") == f"<{MASK}>"
    assert mask_bytes(b"<caf\xe9-key>", mask) == f"<{MASK}>".encode()


def test_time_does_not_grow_with_the_number_of_secrets():
    pick = random.Random(1)
    secrets = ["".join(pick.choices(string.ascii_letters, k=9)) for _ in range(1600)]
    text = "".join(pick.choices(string.ascii_letters, k=100_000))

    def measure(mask):
        began = time.process_time()
        assert mask(text) == text
        return time.process_time() - began

    few, many = Masker(secrets[:100]), Masker(secrets)
    many(secrets[0]), few(secrets[0])  # each prepares itself when it is first used
    assert min(measure(many) for _ in range(5)) < 4 * min(
        measure(few) for _ in range(5)
    )  # a single pattern takes 20 times


def test_secrets_in_base64():
    mask = Masker(["secret-of-it"])
    hidden = mask_base64(base64.b64encode(b"\xff secret-of-it \0").decode(), mask)
    assert base64.b64decode(hidden) == b"\xff " + MASK.encode() + b" \0"
    assert mask_base64("AP8=", mask) == "AP8="
    assert mask_base64("no Base64, secret-of-it", mask) == f"no Base64, {MASK}"


@given(st.binary(max_size=40), st.lists(st.sampled_from([b"secret-of-it", MASK.encode(), b"x"]), max_size=8))
def test_secrets_come_back_where_they_were(noise, pieces):
    mask = Masker(["secret-of-it"])
    original = noise + b"".join(pieces)
    masked = mask_bytes(original, mask)
    assert b"secret-of-it" not in masked
    assert unmask_bytes(masked, original, mask) == original
    assert unmask_bytes(b"before" + masked, original, mask) == b"before" + original
    assert unmask_bytes(masked + MASK.encode(), original, mask) == masked + MASK.encode()


def test_secrets_in_json():
    mask = Masker(["secret-of-it"])
    document = {"secret-of-it": ["a secret-of-it", 1, None, True], "b": {"c": "secret-of-it"}}
    assert mask_json(document, mask) == {MASK: [f"a {MASK}", 1, None, True], "b": {"c": MASK}}


def test_secrets_of_client_and_app_show_when_asked_for_only():
    headers = [("Authorization", "Bearer client-secret"), ("Cookie", "session=cookie-secret; a=b")]
    with inspected(echo) as subject:
        entry = subject.send("POST", "/?echo=client-secret", headers, b"body has cookie-secret too")
        hidden = json.dumps(subject.describe(entry), ensure_ascii=False)
        shown = json.dumps(subject.describe(entry, reveal=True), ensure_ascii=False)
    for secret in ("client-secret", "cookie-secret"):
        assert secret not in hidden
        assert secret in shown
    assert f"Bearer {MASK}" in hidden
    assert f"session={MASK}; a={MASK}" in hidden


def test_secrets_of_the_environment_never_show(capfd):
    secret = "key-of-the-account"

    def leak(event, context):
        if b"/fail" in event:
            raise ValueError(f"no {secret}")
        return {"statusCode": 200, "headers": {"X-Key": secret, secret: "x"}, "body": f"it is {secret}"}

    with inspected(leak, secrets=[secret]) as subject:
        subject.history.log("in-process", f"FC Invoke Start RequestId: none\n{secret}\n".encode())
        entries = [subject.send(target=f"/{secret}?{secret}=1"), subject.send(target="/fail")]
        binary = subject.send("POST", "/", [("Content-Type", "image/x")], b"\xff\0" + secret.encode())
        described = [subject.describe(each, reveal=reveal) for each in (*entries, binary) for reveal in (False, True)]
        described += [subject.describer.summarize(each) for each in entries]
    assert secret not in json.dumps(described)
    assert described[0]["target"] == f"/{MASK}?{MASK}=1"
    assert described[-3]["request"]["body"]["sample"] == described[-3]["event"]["body"]["sample"] == ""


# ---- bodies ----------------------------------------------------------------------------------------------------------


def describe(data, content_type=None, encoding=None, *, size=None):
    return describe_body(data, len(data) if size is None else size, content_type, encoding, Masker([]))


@pytest.mark.parametrize(
    ("data", "content_type", "kind", "text"),
    [
        (b"", "text/plain", "empty", None),
        ("你".encode(), "text/plain", "text", "你"),
        ("你".encode("gbk"), "text/html; charset=GBK", "text", "你"),
        (b"\xe4", 'text/html; charset="latin-1"', "text", "ä"),
        (b"x", "text/html; charset=nonsense", "text", "x"),
        (b"x", "text/html; charset=a\0b", "text", "x"),
        (b"eA==", "text/html; charset=base64", "text", "eA=="),
        (b"x", "text/html; q=1", "text", "x"),
        (b'{"a": 1}', "application/json", "json", '{"a": 1}'),
        (b'{"a": 1}', None, "json", '{"a": 1}'),
        (b'{"a": ', None, "text", '{"a": '),
        (b"{" * 100_000, None, "text", "{" * 100_000),
        (b"1 2", "application/problem+json", "text", "1 2"),
        (b"\0\1", None, "binary", None),
        (b"a\0b", "text/plain", "binary", None),
        (b"\x1b[31mred", "text/plain", "text", "\x1b[31mred"),
        (b"<svg onload='x()'>", "image/svg+xml", "text", "<svg onload='x()'>"),
        (PNG, "text/html", "image", None),
    ],
)
def test_kinds_of_bodies(data, content_type, kind, text):
    body = describe(data, content_type)
    assert (body["kind"], body.get("text"), body["size"]) == (kind, text, len(data))


@pytest.mark.parametrize(
    ("beginning", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"GIF87a", "image/gif"),
        (b"BM", "image/bmp"),
        (b"RIFF\1\2\3\4WEBP", "image/webp"),
        (b"\0\0\0 ftypavif", "image/avif"),
        (b"RIFF\1\2\3\4WAVE", ""),
        (b"<svg xmlns", ""),
        (b"", ""),
    ],
)
def test_images_are_told_by_how_they_begin(beginning, kind):
    assert image_type(beginning) == kind


def test_binary_shows_its_beginning():
    body = describe(b"\xff" * 5000)
    assert base64.b64decode(body["sample"]) == b"\xff" * 2048


def test_cut_through_a_character():
    body = describe("你好".encode()[:-1], "text/plain", size=6)
    assert (body["text"], body["cut"], body["size"], body["shown"]) == ("你", True, 6, 5)


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), (" GZip", gzip.compress), ("deflate", zlib.compress)]
)
def test_compressed_bodies(encoding, compress):
    body = describe(compress("你好".encode()), "text/plain", encoding)
    assert (body["text"], body["inflated"], body["cut"]) == ("你好", encoding.strip().lower(), False)


def test_compressed_bodies_that_are_large_or_none():
    body = describe(gzip.compress(b"x" * 10_000_000), "text/plain", "gzip")
    assert (len(body["text"]), body["cut"]) == (256 * 1024, True)
    assert describe(b"not compressed", "text/plain", "gzip")["text"] == "not compressed"
    assert describe(b"\xce\xb2", "text/plain", "br")["text"] == "β"


MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\n\xe4\xbd\xa0\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="<b>.png"\r\nContent-Type: image/png\r\n\r\n'
    b"12345\r\n--x--\r\n"
)


def test_forms():
    fields = describe(b"a=1&a=%E4%BD%A0&b=", "application/x-www-form-urlencoded")["fields"]
    assert fields == [{"name": "a", "value": "1"}, {"name": "a", "value": "你"}, {"name": "b", "value": ""}]
    many = b"&".join([b"a=1"] * 1001)
    assert describe(many, "application/x-www-form-urlencoded")["kind"] == "text"


def test_parts_of_a_form_with_files():
    body = describe(MULTIPART, "multipart/form-data; boundary=x")
    assert body["kind"] == "parts"
    assert [(part["name"], part["filename"], part["body"]["kind"]) for part in body["parts"]] == [
        ("note", None, "text"),
        ("file", "<b>.png", "text"),
    ]
    assert body["parts"][0]["body"]["text"] == "你"
    assert (body["parts"][1]["body"]["type"], body["parts"][1]["body"]["size"]) == ("image/png", 5)


def test_parts_of_what_is_cut():
    body = describe(MULTIPART[:-12], "multipart/form-data; boundary=x", size=9999)
    assert [part["name"] for part in body["parts"]] == ["note", "file"]
    last = body["parts"][1]["body"]
    assert last["size"] > last["shown"]


def test_what_is_called_json_and_is_none_keeps_its_spaces():
    body = describe(b"Internal  Server Error", "application/json")
    assert (body["kind"], body["claim"], body["text"]) == ("text", "json", "Internal  Server Error")
    assert describe(b'{"a": 1', "application/json", size=99)["kind"] == "json"
    assert describe(b'{"a": 1', "application/json")["claim"] == "json"
    assert describe(b"12", "application/json")["kind"] == "json"
    assert describe(b"12", "text/plain")["kind"] == "text"


@pytest.mark.parametrize(
    ("data", "content_type", "kind"),
    [
        (MULTIPART, "multipart/form-data", "text"),
        (MULTIPART[:40], "multipart/form-data; boundary=x", "text"),
        (b"&&", "application/x-www-form-urlencoded", "text"),
        (b"\xff", "multipart/form-data; boundary=x", "binary"),
        (MULTIPART, "multipart/form-data; boundary=\xe9", "text"),
    ],
)
def test_forms_that_are_none(data, content_type, kind):
    assert describe(data, content_type)["kind"] == kind


def test_form_that_is_cut_is_text():
    assert describe(b"a=1&b", "application/x-www-form-urlencoded", size=9)["kind"] == "text"


TYPES = st.sampled_from(
    [None, "", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/html; charset=utf-16"]
    + [f"text/plain; charset={name}" for name in ("utf-7", "idna", "punycode", "hex", "rot13", "unicode_escape")]
)


@given(
    st.binary(max_size=300) | st.just(MULTIPART), TYPES, st.sampled_from([None, "gzip", "deflate", "x"]), st.booleans()
)
def test_any_body_is_described(data, content_type, encoding, is_cut):
    body = describe(data, content_type, encoding, size=len(data) + is_cut)
    assert body["kind"] in ("empty", "text", "json", "form", "parts", "image", "binary")
    json.dumps(body)


# ---- the whole -------------------------------------------------------------------------------------------------------


def test_summary_while_it_runs_and_when_it_is_over():
    entered, leave = threading.Event(), threading.Event()

    def wait(event, context):
        entered.set()
        leave.wait(20)
        return {"statusCode": 201}

    with inspected(wait) as subject:
        thread = threading.Thread(target=subject.send, args=("GET", "/a?b=c"))
        thread.start()
        assert entered.wait(20)
        running = subject.describer.summarize(subject.last())
        described = subject.describe(subject.last())
        leave.set()
        thread.join(20)
        over = subject.describer.summarize(subject.last())
    assert (running["status"], running["target"], running["method"]) == (None, "/a?b=c", "GET")
    assert (described["status"], described["request"]["method"]) == (None, "GET")
    assert "response" not in described
    assert (over["status"], over["failure"], over["instance"]) == (201, None, "in-process")
    assert over["ms"] > 0
    assert over["version"] > running["version"]


@pytest.mark.parametrize(
    ("result", "method", "failure", "status"),
    [
        ({"statusCode": 404}, "GET", None, 404),
        ({"statusCode": 503}, "GET", "status", 503),
        (None, "TRACE", "refused", 403),
        (object(), "GET", "function", 502),
    ],
)
def test_failures(result, method, failure, status):
    with inspected(lambda event, context: result) as subject:
        summary = subject.describer.summarize(subject.send(method))
    assert (summary["failure"], summary["status"]) == (failure, status)


def test_what_the_runner_did_not_let_come_to_an_end():
    with inspected(lambda event, context: None) as subject:
        subject.platform.pool.close()
        entry = subject.send()
        described = subject.describe(entry)
    assert (described["failure"], described["status"], described["instance"]) == ("aborted", 503, None)
    assert "result" not in described
    assert described["timeline"] == []
    [change] = [each for each in described["changes"] if each["rule"] == "aborted"]
    assert (change["path"], change["values"]) == (["status"], {"reason": "The runner has been stopped"})


def test_async_invocation_shows_what_the_client_got():
    with inspected(lambda event, context: {"statusCode": 201, "body": "x" * KEPT * 2}) as subject:
        subject.send("POST", "/", [("X-Fc-Invocation-Type", "Async")])
        wait_until(lambda: subject.last().exchange)
        described = subject.describe(subject.last())
    assert (described["status"], described["async"]) == (202, True)
    assert (described["response"]["status"], described["response"]["body"]["kind"]) == (202, "empty")
    assert described["result"]["document"]["statusCode"] == 201
    assert {"name": "X-Fc-Request-Id", "value": described["id"], "secret": False} in described["response"]["headers"]


def test_stations():
    body = json.dumps({"long": "x" * 300}).encode()
    with inspected(lambda event, context: {"statusCode": 200, "headers": {"X-A": "1"}, "body": "y" * 300}) as subject:
        entry = subject.send("POST", "/a%20b?c=%26", [("X-B", "2"), ("Content-Type", "image/x")], body)
        described = subject.describe(entry)
    assert described["request"]["path"] == "/a%20b"
    assert described["request"]["query"] == [{"name": "c", "value": "&", "raw": ""}]
    assert described["request"]["headers"][0] == {"name": "X-B", "value": "2", "secret": False}
    event = described["event"]
    assert len(event["document"]["body"]) == 101
    assert (event["body"]["kind"], event["body"]["size"]) == ("json", len(body))
    assert (described["result"]["kind"], described["result"]["body"]["text"]) == ("envelope", "y" * 300)
    assert described["response"]["body"]["text"] == "y" * 300


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"statusCode": 200, "isBase64Encoded": True, "body": "eA=="}, "x"),
        ({"statusCode": 200, "isBase64Encoded": "true", "body": "eA=="}, "x"),
        ({"statusCode": 200, "isBase64Encoded": True, "body": "?"}, "?"),
        ({"statusCode": 200, "headers": [], "isBase64Encoded": True, "body": "eA=="}, "x"),
        ({"statusCode": 200, "headers": {"X-A": 1}, "isBase64Encoded": True, "body": "eA=="}, "x"),
    ],
)
def test_body_of_a_result_is_decoded(result, text):
    with inspected(lambda event, context: result) as subject:
        described = subject.describe(subject.send())
    assert described["result"]["body"]["text"] == text


def test_result_that_is_no_envelope():
    with inspected(lambda event, context: {"a": 1}) as subject:
        result = subject.describe(subject.send())["result"]
    assert (result["kind"], result["body"]["text"]) == ("raw", '{"a": 1}')


def test_results_that_are_hard_to_show():
    constant = '{"statusCode": 200, "body": NaN}'
    infinite = '{"statusCode": 200, "x": 1e999}'
    deep, deeper = ('{"statusCode": 200, "body": ' + "[" * depth + "]" * depth + "}" for depth in (900, 980))
    with inspected(lambda event, context: json.loads(event)["body"]) as subject:
        shown = [
            subject.describe(subject.send("POST", "/", [("Content-Type", "text/plain")], each.encode()))
            for each in (constant, infinite, deeper, deep)
        ]
    # Where between the last two the interpreter's limit lies differs from one version to the next.
    assert [each["result"]["kind"] for each in shown][:3] == ["raw", "envelope", "raw"]
    assert shown[1]["result"]["document"]["x"] == "inf"
    assert "no-envelope" in [change["rule"] for change in shown[0]["changes"]]


def test_large_bodies_say_what_is_missing():
    large = "x" * (2 * KEPT)
    encoded = base64.b64encode(large.encode()).decode()
    with inspected(lambda event, context: {"statusCode": 200, "isBase64Encoded": True, "body": encoded}) as subject:
        described = subject.describe(subject.send("POST", "/", [("Content-Type", "a/b")], large.encode()))
    assert described["kept"] == {"request": False, "event": False, "result": False, "response": False}
    for body in (described["request"]["body"], described["response"]["body"]):
        assert (body["size"], body["shown"]) == (2 * KEPT, KEPT)
    for body in (described["event"]["body"], described["result"]["body"]):
        assert (body["size"], body["shown"]) == (2 * KEPT, KEPT * 3 // 4)


def test_error_with_its_traceback():
    def fail(event, context):
        raise ValueError("broken")

    with inspected(fail) as subject:
        result = subject.describe(subject.send())["result"]
    assert (result["kind"], result["document"]["errorType"]) == ("error", "ValueError")
    assert result["traceback"].endswith("ValueError: broken")


def test_error_without_a_traceback():
    exchange = Exchange(
        read_request("GET", "/"),
        "a",
        Response(502, (), b""),
        0.1,
        {"headers": {}, "body": "", "isBase64Encoded": True, "requestContext": {"http": {"path": "/"}}, "rawPath": "/"},
        Reply("error", b'{"errorMessage": "timed out"}', "c-1"),
    )
    with inspected(lambda event, context: None) as subject:
        subject.history.begin(exchange.request, "a")
        subject.history.end(exchange)
        result = subject.describe(subject.last())["result"]
    assert result["traceback"] is None


def test_what_the_app_answered():
    def app(environ, start_response):
        start_response("200 OK", [("Set-Cookie", "a=secret-of-it"), ("content-type", "text/plain")])
        return [b"ok"]

    with inspected(fc_adapter.wrap(app)) as subject:
        answer = subject.describe(subject.send())["app"]
    assert (answer["status"], answer["size"], answer["background"]) == (200, 2, None)
    assert answer["headers"][0] == {"name": "Set-Cookie", "value": f"a={MASK}", "secret": True}


def test_lines_of_the_log():
    with inspected(lambda event, context: None) as subject:
        entry = subject.send()
        subject.history.log("in-process", f"FC Invoke Start RequestId: {entry.request_id}\n".encode())
        subject.history.log("in-process", b"\xff <script>\n")
        subject.history.log("in-process", b"x" * 10_000 + b"\n")
        described = subject.describe(subject.last())
    assert [line["text"][:12] for line in described["log"]][1:] == ["\\xff <script", "x" * 12]
    assert [line["lost"] for line in described["log"]][1:] == [0, 10_001 - 8192]
    assert described["lines"] == 3


def test_request_that_still_runs_is_masked_when_it_is_taken_along():
    request = read_request("GET", "/", [("X-Key", "abcdefghij")])
    running = Entry(1, Begun(request, "r", 0.0, 0.0, None, 0), None)
    concealed = Describer(secrets=["abcdefghij"], custom_domain=False).conceal(running, reveal=False)
    assert (concealed.exchange, "abcdefghij" in repr(concealed.request)) == (None, False)
    assert dict(running.request.headers)["X-Key"] == "abcdefghij"


# ---- the timeline ----------------------------------------------------------------------------------------------------


def make_entry(*spans, request_id="a", instance="c-1", report=None, seconds=1.0):
    """An entry whose spans are in seconds since its beginning."""
    request = read_request("GET", "/")
    entry = Entry(1, Begun(request, request_id, time.time(), time.perf_counter(), None, len(request.body)), None)
    moments = tuple((name, entry.began + began, entry.began + ended) for name, began, ended in spans)
    reply = Reply("result", b"{}", instance, spans=moments, report=report)
    entry.end(Exchange(request, request_id, Response(200, (), b""), seconds, None, reply), {"result": 2})
    return entry


def timeline(entry):
    with inspected(lambda event, context: None) as subject:
        return [(span["name"], span["from"], span["to"]) for span in subject.describe(entry)["timeline"]]


def test_timeline_of_a_cold_start():
    entry = make_entry(("wait", 0, 0.01), ("start", 0.01, 0.2), ("init", 0.2, 0.3), ("handler", 0.3, 0.5))
    assert timeline(entry) == [("wait", 0, 10), ("start", 10, 200), ("init", 200, 300), ("handler", 300, 500)]


def test_timeline_of_a_start_before_the_request():
    entry = make_entry(("start", -2, -1), ("frozen", -1, 0.0001), ("handler", 0.0005, 0.5))
    assert timeline(entry) == [("start", -2000, -1000), ("frozen", -1000, 0.1), ("handler", 0.5, 500)]


def test_timeline_of_background_work():
    report = {"status": 200, "headers": [], "size": 0, "background": 0.4}
    entry = make_entry(("handler", 0, 0.5), report=report)
    assert timeline(entry) == [("handler", 0, 100), ("background", 100, 500)]
    assert timeline(make_entry(("handler", 0, 0.5), report={**report, "background": 0.0001})) == [("handler", 0, 500)]
    assert timeline(make_entry(report=report)) == []


def test_timeline_of_what_was_refused():
    with inspected(lambda event, context: None) as subject:
        assert subject.describe(subject.send("TRACE"))["timeline"] == []


class FakeInstance:
    def __init__(self, state, frozen_at):
        self.life = Life()
        self.life.state, self.life.frozen_at = State(state), frozen_at


def test_standing_still_afterwards():
    entry = make_entry(("handler", 0, 0.5))
    later = make_entry(("frozen", 0.6, 3), ("handler", 3, 4))
    offset = round((later.began - entry.began) * 1000, 2)
    other = make_entry(("frozen", 0.6, 3), instance="c-2")
    before = make_entry(("frozen", -1, 0), ("handler", 0, 0.5))
    running = Entry(1, Begun(read_request("GET", "/"), "r", 0.0, 0.0, None, 0), None)
    freeze = find_freeze(entry, [running, before, other, entry, later], None)
    assert freeze["name"] == "freeze"
    assert freeze["from"] == pytest.approx(600 + offset, abs=0.1)
    assert freeze["to"] == pytest.approx(3000 + offset, abs=0.1)
    now = find_freeze(entry, [entry], FakeInstance("frozen", entry.began + 0.6))
    assert now == {"name": "freeze", "from": 600, "to": None}
    assert find_freeze(entry, [entry], FakeInstance("frozen", entry.began)) is None
    assert find_freeze(entry, [entry], FakeInstance("running", entry.began + 9)) is None
    assert find_freeze(entry, [entry], None) is None
    assert find_freeze(running, [], None) is None
    assert find_freeze(make_entry(), [], None) is None


def test_background_work_of_an_app():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"ok"})
        await asyncio.sleep(0.05)

    with inspected(fc_adapter.wrap(app, lifespan="off")) as subject:
        entry = subject.send()
        spans = timeline(entry)
    names = [name for name, _, _ in spans]
    assert names[-2:] == ["handler", "background"]
    assert spans[-1][2] - spans[-1][1] >= 50
    assert time.perf_counter() > entry.began


def test_target_is_shown_as_it_was_sent():
    with inspected(lambda event, context: "ok", secrets=["secret-of-the-account"]) as subject:

        def sent(target):
            request = read_request("GET", target)
            subject.platform.gateway.handle(request, sent=Sent(target))
            return subject.last()

        entry = sent("http://shop.example/%e4%BD%a0?b=%C4%E3&c=%zz&&d")
        described = subject.describe(entry)
        assert described["request"]["target"] == "http://shop.example/%e4%BD%a0?b=%C4%E3&c=%zz&&d"
        assert described["decoded"] == "http://shop.example/你?b=\ufffd\ufffd&c=%zz&&d"
        assert [pair["raw"] for pair in described["request"]["query"]] == ["b=%C4%E3", "", ""]
        assert entry.path == "/%e4%BD%a0?b=%C4%E3&c=%zz&&d"
        assert (sent("http://shop.example").path, sent("/a?b").path) == ("/", "/a?b")


def test_secrets_that_a_target_spells_in_another_way():
    with inspected(lambda event, context: "ok", secrets=["secret-of-the-account"]) as subject:
        entry = subject.send("GET", "/?a=%73ecret-of-the-account%26x=%ff")
        described = subject.describe(entry)
    assert described["target"] == described["request"]["target"] == "/?a=•••&x=\ufffd"
    assert [pair["raw"] for pair in described["request"]["query"]] == [""]
    assert "secret-of" not in json.dumps(described["request"]["query"])


def test_parts_of_a_body_whose_boundary_is_not_ascii():
    body = b"--\xe9\r\n\r\n\r\n--\xe9--"
    assert not describe(body, 'multipart/form-data; boundary="\xe9"').get("parts")
