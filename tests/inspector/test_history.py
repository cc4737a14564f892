"""What the inspector remembers: as much as it may, cut where it is large, and whose line of the log is whose."""

from __future__ import annotations

import io
import json
import threading

import pytest

from fc_adapter.contract.trigger import read_request
from fc_adapter.inspector import entry as entry_module
from fc_adapter.inspector import history as history_module
from fc_adapter.inspector import spool as spool_module
from fc_adapter.inspector.history import KEPT, History
from fc_adapter.inspector.spool import Spool
from fc_adapter.messages import Response
from fc_adapter.runner.gateway import Exchange
from fc_adapter.runner.life import Reply

SMALL = b'{"statusCode": 200, "body": "ok"}'


def make_exchange(request_id, *, body=b"", data=SMALL, response=b"ok", kind="result", event=None, instance="c-1"):
    request = read_request("POST", "/", [], body)
    event = {"body": body.decode("latin-1"), "rawPath": "/"} if event is None else event
    return Exchange(request, request_id, Response(200, (), response), 0.01, event, Reply(kind, data, instance))


def run(history, request_id, **options):
    """One invocation from beginning to end."""
    exchange = make_exchange(request_id, **options)
    history.begin(exchange.request, request_id)
    history.end(exchange)
    return history.find(request_id)


def test_last_ones_are_kept():
    history = History(3)
    for number in range(5):
        run(history, f"r{number}")
    assert [entry.request_id for entry in history.entries()] == ["r2", "r3", "r4"]
    assert [entry.number for entry in history.entries()] == [3, 4, 5]
    assert history.find("r0") is None


def test_fewer_are_kept_when_they_are_large(monkeypatch):
    monkeypatch.setattr(history_module, "_TOTAL", 5 * KEPT)
    history = History(100)
    for number in range(4):
        run(history, f"r{number}", response=b"x" * KEPT, body=b"y" * KEPT)
    assert [entry.request_id for entry in history.entries()] == ["r3"]
    run(history, "r4", response=b"x" * 10 * KEPT)
    assert [entry.request_id for entry in history.entries()] == ["r3", "r4"]


def test_one_is_kept_however_large(monkeypatch):
    monkeypatch.setattr(history_module, "_TOTAL", 1000)
    history = History(100)
    run(history, "a", response=b"x" * KEPT)
    assert [entry.request_id for entry in history.entries()] == ["a"]


def test_bodies_are_cut_and_their_sizes_kept():
    large = b"x" * (KEPT + 1)
    data = json.dumps({"statusCode": 200, "headers": {"X-A": "1"}, "body": large.decode()}).encode()
    entry = run(History(1), "a", body=large, response=large, data=data)
    assert entry.sizes == {"request": KEPT + 1, "response": KEPT + 1, "event": KEPT + 1, "result": len(data)}
    assert all(entry.is_cut(station) for station in entry.sizes)
    assert len(entry.request.body) == len(entry.exchange.request.body) == KEPT
    assert len(entry.exchange.response.body) == len(entry.exchange.event["body"]) == KEPT
    kept = json.loads(entry.exchange.reply.data)
    assert kept == {"statusCode": 200, "headers": {"X-A": "1"}, "body": "x" * KEPT}


def test_bodies_of_the_length_that_is_kept_are_whole():
    entry = run(History(1), "a", body=b"x" * KEPT, response=b"x" * KEPT, data=b"x" * KEPT)
    assert not any(entry.is_cut(station) for station in entry.sizes)
    assert len(entry.exchange.reply.data) == KEPT


@pytest.mark.parametrize(
    "data",
    [
        b"x" * (KEPT + 1),
        json.dumps(["x" * KEPT]).encode(),
        json.dumps({"statusCode": 200, "headers": {"X-A": "x" * 8 * KEPT}}).encode(),
        b"[" * (KEPT + 1),
    ],
    ids=["no JSON", "no envelope", "large headers", "deep"],
)
def test_large_results_that_cannot_be_cut_inside(data):
    entry = run(History(1), "a", data=data)
    assert entry.exchange.reply.data == data[:KEPT]


def test_large_body_that_is_an_object():
    data = json.dumps({"statusCode": 200, "body": {"a": "x" * KEPT}}).encode()
    entry = run(History(1), "a", data=data)
    assert json.loads(entry.exchange.reply.data)["body"].startswith('{"a": "xxx')


def test_request_that_is_refused_has_no_event():
    history = History(1)
    request = read_request("GET", "/")
    history.begin(request, "a")
    history.end(Exchange(request, "a", Response(400, (), b"no"), 0.0))
    entry = history.find("a")
    assert (entry.exchange.event, entry.sizes) == (None, {"request": 0, "response": 2})


def test_end_of_one_that_is_kept_no_longer():
    history = History(1)
    exchange = make_exchange("a")
    history.begin(exchange.request, "a")
    history.begin(exchange.request, "b")
    history.end(exchange)
    assert [entry.request_id for entry in history.entries()] == ["b"]


def test_clear_leaves_what_runs():
    history = History(9)
    run(history, "over")
    history.begin(read_request("GET", "/"), "running")
    version = history.wait(-1, 0)
    history.clear()
    assert [entry.request_id for entry in history.entries()] == ["running"]
    assert history.wait(version, 0) > version


def test_origin_of_what_the_page_sends():
    history = History(9)
    history.expect("a", "first")
    history.expect("b", "")
    assert [run(history, each).origin for each in ("a", "b", "c")] == ["first", "", None]


def test_news_that_nobody_asks_for_do_not_pile_up():
    history = History(3)
    for number in range(2000):
        exchange = make_exchange(f"r{number}")
        history.begin(exchange.request, exchange.request_id)
        history.log("c-1", f"FC Invoke Start RequestId: r{number}\n".encode())
        history.log("c-1", b"x\n")
        history.end(exchange)
        assert len(history._inbox) <= 1024
    assert [entry.number for entry in history.entries()] == [1998, 1999, 2000]
    assert [line.data for line in history.find("r1999").lines][1:] == [b"x\n"]
    assert len(history._inbox) == 0


def test_large_exchanges_do_not_wait_in_the_inbox():
    history = History(3)
    exchange = make_exchange("a", response=b"x" * 20_000)
    history.begin(exchange.request, "a")
    assert len(history._inbox) == 1
    history.end(exchange)
    assert len(history._inbox) == 0


def test_waiting_for_what_happens():
    history = History(9)
    assert history.wait(0, 0.001) == 0
    waiting = threading.Event()
    seen = []

    def wait():
        waiting.set()
        seen.append(history.wait(0, 20))

    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(20)
    history.wake()
    thread.join(20)
    assert seen == [1]


# ---- the log ---------------------------------------------------------------------------------------------------------


def log(history, *lines, instance="c-1"):
    for line in lines:
        history.log(instance, f"{line}\n".encode())
    history.entries()


def logged(entry):
    return [(line.phase, line.data.decode().rstrip()) for line in entry.lines]


def test_lines_go_to_the_invocation_that_the_marks_tell():
    history = History(9)
    first, second = (history.begin(read_request("GET", "/"), each) or history.find(each) for each in ("a", "b"))
    log(history, "loading", "FC Invoke Start RequestId: a", "one", "FC Invoke End RequestId: a", "late")
    log(history, "FC Invoke Start RequestId: b", "two", instance="c-2")
    assert logged(first) == [
        ("start", "loading"),
        ("run", "FC Invoke Start RequestId: a"),
        ("run", "one"),
        ("run", "FC Invoke End RequestId: a"),
        ("after", "late"),
    ]
    assert logged(second) == [("run", "FC Invoke Start RequestId: b"), ("run", "two")]


def test_marks_that_a_function_prints_itself():
    history = History(9)
    history.begin(read_request("GET", "/"), "a")
    marks = ["FC Invoke Start RequestId: none", "FC Invoke End RequestId: none", "FC Invoke End RequestId: \xff"]
    log(history, "FC Invoke Start RequestId: a", *marks, "x")
    assert [phase for phase, _ in logged(history.find("a"))] == ["run"] * 5
    log(history, "FC Invoke End RequestId: a", instance="c-9")
    assert logged(history.find("a"))[-1] == ("run", "x")


def test_lines_before_a_start_that_fails_go_to_its_request():
    history = History(9)
    log(history, "half loaded")
    entry = run(history, "a", kind="error", data=b'{"errorMessage": "no"}')
    log(history, "dying")
    assert logged(entry) == [("start", "half loaded"), ("after", "dying")]


def test_lines_of_an_instance_whose_invocation_is_kept_no_longer():
    history = History(1)
    history.begin(read_request("GET", "/"), "a")
    log(history, "FC Invoke Start RequestId: a")
    entry = history.find("a")
    history.begin(read_request("GET", "/"), "b")
    version = history.wait(-1, 0)
    log(history, "more")
    assert (logged(entry)[-1], history.wait(-1, 0)) == (("run", "more"), version)


def test_long_lines_and_logs_are_cut(monkeypatch):
    monkeypatch.setattr(entry_module, "_LINES", 10)
    history = History(9)
    history.begin(read_request("GET", "/"), "a")
    entry = history.find("a")
    log(history, "FC Invoke Start RequestId: a", "x" * 10_000, *map(str, range(9)))
    assert (len(entry.lines), entry.lost_lines) == (10, 1)
    assert (len(entry.lines[0].data), entry.lines[0].size) == (8192, 10_001)
    monkeypatch.setattr(entry_module, "_LOG", 8192)
    log(history, "9")
    assert [line.data for line in entry.lines] == [f"{number}\n".encode() for number in range(10)]
    assert entry.lost_lines == 2
    assert entry.cost == 4096 + 20


def test_logs_of_the_latest_instances_are_told_apart(monkeypatch):
    monkeypatch.setattr(history_module, "_INSTANCES", 2)
    history = History(9)
    for number in range(4):
        log(history, "loading", instance=f"c-{number}")
    assert list(history._logs) == ["c-2", "c-3"]


def fail(history, request_id):
    return run(history, request_id, kind="error", data=b'{"errorMessage": "no"}')


def ids(history):
    return [entry.request_id for entry in history.entries()]


def test_failures_are_kept_longer_up_to_half_of_all():
    history = History(4)
    fail(history, "f1")
    fail(history, "f2")
    for number in range(9):
        run(history, f"r{number}")
    assert ids(history) == ["f1", "f2", "r7", "r8"]
    fail(history, "f3")
    assert ids(history) == ["f1", "f2", "r8", "f3"]
    run(history, "r9")
    assert ids(history) == ["f2", "r8", "f3", "r9"]


def test_failures_are_kept_where_nobody_has_asked_meanwhile():
    history = History(3)
    for number in range(9):
        exchange = make_exchange(f"r{number}", kind="error" if number == 2 else "result")
        history.begin(exchange.request, exchange.request_id)
        log(history, f"FC Invoke Start RequestId: r{number}", f"line {number}", f"FC Invoke End RequestId: r{number}")
        history.end(exchange)
    assert ids(history) == ["r2", "r7", "r8"]
    assert [entry.number for entry in history.entries()] == [3, 8, 9]
    assert [text for _, text in logged(history.find("r2"))][1:2] == ["line 2"]
    assert not any("line 3" in text for _, text in logged(history.find("r2")))


def test_all_may_be_failures():
    history = History(2)
    for number in range(4):
        fail(history, f"f{number}")
    assert ids(history) == ["f2", "f3"]


def test_what_is_pinned_stays():
    history = History(4)
    first = run(history, "a")
    version = history.wait(-1, 0)
    assert history.pin(first, is_pinned=True)
    assert history.wait(version, 0) > version
    assert history.pin(run(history, "b"), is_pinned=True)
    assert not history.pin(run(history, "c"), is_pinned=True)
    for number in range(5):
        run(history, f"r{number}")
    assert ids(history) == ["a", "b", "r3", "r4"]
    history.clear()
    assert ids(history) == ["a", "b"]
    assert history.pin(first, is_pinned=False)
    history.clear()
    assert ids(history) == ["b"]
    assert not history.pin(first, is_pinned=True)


def test_what_is_pinned_stays_however_large(monkeypatch):
    monkeypatch.setattr(history_module, "_TOTAL", 1000)
    history = History(4)
    history.pin(run(history, "a", response=b"x" * KEPT), is_pinned=True)
    run(history, "b", response=b"x" * KEPT)
    assert ids(history) == ["a", "b"]


def test_large_bodies_are_on_disk_as_long_as_their_entry():
    history = History(2)
    large = b"y" * (KEPT + 1)
    entry = run(history, "a", body=large)
    assert (history.body(entry), entry.sizes["request"], len(entry.request.body)) == (large, KEPT + 1, KEPT)
    assert history.body(run(history, "b", body=b"small")) == b"small"
    for request_id in ("c", "d"):
        run(history, request_id)
    assert history.body(entry) is None


def test_large_bodies_of_what_is_passed_over_are_not_kept():
    history = History(1)
    for request_id in ("a", "b"):
        history.begin(make_exchange(request_id, body=b"y" * (KEPT + 1)).request, request_id)
    assert [history.can_repeat(entry) for entry in history.entries()] == [True]
    assert not history.spool.has("a")


def test_spool_is_bounded(monkeypatch):
    spool = Spool(total=10)
    spool.keep("large", b"x" * 11)
    for name in ("a", "b", "c"):
        spool.keep(name, name.encode() * 4)
    assert [spool.read(name) for name in ("large", "a", "b", "c")] == [None, None, b"bbbb", b"cccc"]
    spool.forget("b")
    spool.forget("b")
    assert not spool.has("b")
    monkeypatch.setattr(spool_module, "_FILES", 1)
    spool.keep("d", b"d")
    assert (spool.has("c"), spool.read("d"), spool.read("d")) == (False, b"d", b"d")


@pytest.mark.parametrize("name", ["TemporaryFile", "write"])
def test_disk_that_takes_nothing(monkeypatch, name):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError("No space left on device")

    def refuse():
        raise PermissionError

    monkeypatch.setattr(spool_module.tempfile, "TemporaryFile", refuse if name == "TemporaryFile" else Full)
    spool = Spool()
    spool.keep("a", b"a")
    assert not spool.has("a")
