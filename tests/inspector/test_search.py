"""Finding invocations by what is in them, in the text that people read."""

from __future__ import annotations

import gzip
import json

import pytest

from fc_adapter.inspector.describe import Describer
from fc_adapter.inspector.search import search
from fc_adapter.messages import Response
from tests.inspector.test_history import log, make_exchange
from tests.support.inspecting import AuthorizedClient, inspected

FORM = ("Content-Type", "application/x-www-form-urlencoded")


def plain(event, context):
    return {"statusCode": 200, "headers": {"X-Shop": "Beijing"}, "body": "fine"}


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("商品", ["target"]),
        ("%e5%95%86", ["target"]),
        ("搜索 商品", ["target"]),
        ("post", ["target"]),
        ("x-color: RED", ["request"]),
        ("价格", ["request"]),
        ("beijing", ["response"]),
        ("fine 商品", ["target", "response"]),
        ("200", ["response"]),
        ("nowhere", None),
        ("商品 nowhere", None),
        (" ", None),
    ],
)
def test_words_in_an_invocation(text, places):
    with inspected(plain) as subject:
        form = b"note=%E4%BB%B7%E6%A0%BC"
        entry = subject.send("POST", "/%e5%95%86%e5%93%81?q=%E6%90%9C%E7%B4%A2", [("X-Color", "red"), FORM], form)
        subject.send("GET", "/other/21", [("Accept", "x")])
        client = AuthorizedClient(subject.app)
        found = client.get("/api/search", query_string={"q": text}).json
        assert found.get(entry.request_id) == places


@pytest.mark.parametrize(
    ("headers", "body", "word"),
    [
        ([("Content-Type", "application/json")], json.dumps({"city": "杭州"}).encode(), "杭州"),
        ([("Content-Type", "text/plain; charset=gbk")], "杭州".encode("gbk"), "杭州"),
        ([("Content-Encoding", "gzip")], gzip.compress("杭州".encode(), mtime=0), "杭州"),
        ([("Content-Type", "multipart/form-data; boundary=x")], b"\xff--x " + "杭州".encode(), "杭州"),
    ],
)
def test_bodies_are_decoded(headers, body, word):
    with inspected(plain) as subject:
        entry = subject.send("POST", "/", headers, body)
        assert search([entry], word, subject.describer) == {entry.request_id: ["request"]}


def test_bodies_that_are_no_text():
    with inspected(plain) as subject:
        entries = [subject.send("POST", "/", [], body) for body in (b"\0\1\2", b"\\u none")]
        assert search(entries, "none", subject.describer) == {entries[1].request_id: ["request"]}


def test_log_and_error():
    with inspected(plain) as subject:
        exchange = make_exchange("a", kind="error", data=b'{"errorMessage": "broken wheel"}')
        subject.history.begin(exchange.request, "a")
        log(subject.history, "FC Invoke Start RequestId: a", "正在搜索")
        assert search(subject.history.entries(), "正在", subject.describer) == {"a": ["log"]}
        subject.history.end(exchange._replace(response=Response(502, (), b"")))
        assert search(subject.history.entries(), "wheel", subject.describer) == {"a": ["log"]}


def test_secrets_are_not_found():
    describer = Describer(secrets=["secret-of-the-account"], custom_domain=False)
    with inspected(plain) as subject:
        entry = subject.send("GET", "/?a=secret-of-the-account", [("Authorization", "Bearer token-of-mine")])
        for word in ("secret-of-the-account", "token-of-mine"):
            assert search([entry], word, describer) == {}
        assert search([entry], "bearer", describer)
