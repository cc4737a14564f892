"""What differs between two invocations."""

from __future__ import annotations

import json
import tracemalloc

from fc_adapter.inspector.compare import compare
from fc_adapter.inspector.describe import Describer
from tests.inspector.test_history import log
from tests.support.inspecting import AuthorizedClient, inspected


def counting():
    count = [0]

    def handler(event, context):
        count[0] += 1
        body = json.dumps({"same": "你", "count": count[0]})
        return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": body}

    return handler


def sections(subject, first, second):
    answer = AuthorizedClient(subject.app).get(f"/api/invocations/{first.request_id}/diff/{second.request_id}")
    return {each["name"]: each for each in answer.json["sections"]}


def test_request_and_its_repetition():
    with inspected(counting()) as subject:
        first, second = [subject.send("POST", "/a?b=c", [("X-A", "1")], b"same") for _ in range(2)]
        found = sections(subject, first, second)
    assert [each["same"] for each in found.values()] == [True, False, True]
    differing = [line for line in found["response"]["lines"] if line[0] != " "]
    assert differing == [["-", '  "count": 1'], ["+", '  "count": 2']]
    assert [" ", '  "same": "你",'] in found["response"]["lines"]
    assert [" ", "Date: …"] in found["response"]["lines"]


def test_two_requests():
    with inspected(counting()) as subject:
        first = subject.send("GET", "/a", [("X-A", "1")])
        second = subject.send("POST", "/a", [("X-A", "2")], b"\0\1")
        lines = sections(subject, first, second)["request"]["lines"]
    assert [line for line in lines if line[0] == "-"] == [["-", "GET /a"], ["-", "X-A: 1"]]
    assert [line for line in lines if line[0] == "+"][:2] == [["+", "POST /a"], ["+", "X-A: 2"]]
    assert lines[-1] == ["+", "0001"]


def test_one_that_runs_and_log_lines_with_other_times():
    with inspected(counting()) as subject:
        first = subject.send()
        for name, time in (("a", "01"), ("b", "02")):
            subject.history.begin(first.request, name)
            line = f"2026-01-01T00:00:{time}.000Z 1-6b0298a8-1c87f009-017444ee322{name} [INFO] fine"
            log(subject.history, f"FC Invoke Start RequestId: {name}", line)
        found = sections(subject, subject.history.find("a"), subject.history.find("b"))
        assert found["log"]["lines"][-1] == [" ", "… … [INFO] fine"]
        assert (found["response"]["lines"], found["response"]["same"]) == ([], True)


def test_long_bodies_are_cut_and_secrets_masked():
    with inspected(counting()) as subject:
        first = subject.send("POST", "/", [], b"x\n" * 2000)
        second = subject.send("POST", "/?key=secret-of-the-account", [], b"y" * 500 + b"\xffsecret-of-the-account")
        view = Describer(secrets=["secret-of-the-account"], custom_domain=False).view(second, reveal=False)
        [request, _, _] = compare(first, view, second, view)
    assert request["cut"] == 1000
    text = json.dumps(request)
    assert "secret-of" not in text
    assert b"secret-of".hex() not in text


def test_deep_nesting_is_not_laid_out_to_its_end():
    body = ("[" * 200 + ",".join(["1"] * 100_000) + "]" * 200).encode()  # 40 MB of indents
    with inspected(counting()) as subject:
        first, second = [subject.send("POST", "/", [], body) for _ in range(2)]
        tracemalloc.start()
        found = sections(subject, first, second)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (found["request"]["same"], found["request"]["cut"]) == (True, 1000)
    assert peak < 16 * 1024 * 1024
