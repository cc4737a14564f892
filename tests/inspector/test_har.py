"""Invocations as an HTTP Archive."""

from __future__ import annotations

import base64
import gzip

import pytest

import fc_adapter
from fc_adapter.inspector.entry import KEPT
from tests.inspector.test_history import log
from tests.support.inspecting import AuthorizedClient, inspected


def plain(event, context):
    return {"statusCode": 302, "headers": {"Location": "/next", "Content-Type": "text/plain"}, "body": "go"}


def compressed(encoding, body):
    """A handler whose response has this body."""
    headers = {"Content-Encoding": encoding, "Content-Type": "image/x"}
    text = base64.b64encode(body).decode()
    return lambda event, context: {"statusCode": 200, "headers": headers, "body": text, "isBase64Encoded": True}


def har(subject, path, **options):
    answer = AuthorizedClient(subject.app).get(path, **options)
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=invocation")
    assert answer.mimetype == "application/json"
    return answer.json["log"]


def test_one():
    with inspected(plain) as subject:
        headers = [("Content-Type", "application/json"), ("Authorization", "Bearer secret-of-mine")]
        subject.send("GET", "/other")
        entry = subject.send("POST", "/a?b=%E4%BD%A0", headers, b'{"c": 1}')
        log(subject.history, f"FC Invoke Start RequestId: {entry.request_id}", "secret-of-mine")
        archive = har(subject, f"/api/invocations/{entry.request_id}/har")
        shown = har(subject, f"/api/invocations/{entry.request_id}/har?reveal=1")
    assert archive["version"] == "1.2"
    assert archive["creator"] == {"name": "fc-adapter", "version": fc_adapter.__version__}
    [document] = archive["entries"]
    request, response = document["request"], document["response"]
    assert (request["method"], request["url"]) == ("POST", "http://127.0.0.1:9000/a?b=%E4%BD%A0")
    assert request["queryString"] == [{"name": "b", "value": "你"}]
    assert request["postData"] == {"mimeType": "application/json", "text": '{"c": 1}'}
    assert {"name": "Authorization", "value": "Bearer •••"} in request["headers"]
    assert (response["status"], response["redirectURL"]) == (302, "/next")
    assert response["content"] == {"size": 2, "mimeType": "text/plain", "text": "go"}
    assert document["timings"]["wait"] == document["time"] > 0
    assert document["_requestId"] == entry.request_id
    assert document["_log"][-1] == "•••"
    assert {"name": "Authorization", "value": "Bearer secret-of-mine"} in shown["entries"][0]["request"]["headers"]


def test_all_that_are_over():
    with inspected(plain) as subject:
        first = subject.send("GET", "/1")
        subject.history.begin(first.request, "running")
        subject.platform.gateway.refuse("no", "", "nonsense")
        entries = har(subject, "/api/har")["entries"]
    assert [each["request"]["url"] for each in entries] == ["http://127.0.0.1:9000/1", "http://127.0.0.1:9000"]
    assert "postData" not in entries[0]["request"]
    assert entries[1]["_instance"] == ""


def test_bodies_that_are_binary_cut_or_compressed():
    with inspected(plain) as subject:
        subject.send("POST", "/", [("Content-Encoding", "identity")], b"\0\xff")
        subject.send("POST", "/", [], b"x" * (KEPT + 1))
        packed = gzip.compress(b"password=secret-of-mine")
        subject.send("POST", "/", [("Content-Encoding", "gzip"), ("X-Token", "secret-of-mine")], packed)
        data = [each["request"]["postData"] for each in har(subject, "/api/har")["entries"]]
    assert data[0] == {"mimeType": "", "text": base64.b64encode(b"\0\xff").decode(), "_encoding": "base64"}
    assert data[1]["comment"] == f"the first {KEPT} of {KEPT + 1} bytes"
    assert data[2]["text"] == "password=•••"


@pytest.mark.parametrize("encoding", ["br", " ZSTD ", "gzip, br", "gzip"])
@pytest.mark.parametrize("reveal", ["", "?reveal=1"])
def test_bodies_that_are_still_compressed_are_left_out(encoding, reveal):
    packed = b"\x28\xb5\x2f\xfd\xff\0"
    with inspected(compressed(encoding, packed)) as subject:
        subject.send("POST", "/", [("Content-Encoding", encoding)], packed)
        [entry] = har(subject, f"/api/har{reveal}")["entries"]
    comment = f"left out: secrets could not be masked in it, as its Content-Encoding is {encoding.strip()}"
    assert entry["request"]["postData"] == {"mimeType": "", "text": "", "comment": comment}
    assert entry["response"]["content"] == {"size": 6, "mimeType": "image/x", "text": "", "comment": comment}
