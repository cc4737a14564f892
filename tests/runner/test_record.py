"""``--record`` and ``replay``: exchanges as files, run again."""

from __future__ import annotations

import base64
import functools
import io
import json
import os
import stat
import subprocess
import sys

import pytest

from fc_adapter.cli import run
from fc_adapter.messages import Request, Response
from fc_adapter.runner import record
from fc_adapter.runner.gateway import Exchange
from fc_adapter.runner.life import Reply
from fc_adapter.runner.record import Comparison, Recorder, describe_response, list_records, read_record
from tests.support.server import PATIENCE

SOURCE = """
import json


def handler(event, context):
    event = json.loads(event)
    path = event["rawPath"]
    if path == "/error":
        raise ValueError("broken")
    if path == "/binary":
        return {"statusCode": 200, "isBase64Encoded": True, "body": "AP8="}
    if path == "/plain":
        return "not JSON"
    return {"statusCode": 200, "headers": {"X-A": "1"}, "body": event["body"] + "!"}
"""


@pytest.fixture
def recorded(serve, tmp_path):
    """Make requests of a server that records; return the records by path."""
    server = serve(SOURCE, "index:handler", "--record", "records", "--custom-domain")
    server.request("POST", "/a", "你".encode(), {"Content-Type": "text/plain; charset=utf-8"})
    for path in ("/error", "/binary", "/plain"):
        server.get(path)
    server.send(b"GET /refused\r\n\r\n")
    server.stop()
    records = {}
    for file in sorted((tmp_path / "records").iterdir()):
        document = json.loads(file.read_text("utf-8"))
        records[document["event"]["rawPath"]] = (file, document)
    return records


def replay(*arguments, cwd):
    ended = subprocess.run(
        [sys.executable, "-m", "fc_adapter", "replay", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    return ended.returncode, ended.stdout, ended.stderr


def test_record(recorded):
    assert set(recorded) == {"/a", "/error", "/binary", "/plain"}
    file, document = recorded["/a"]
    assert file.name.endswith(f"{document['event']['requestContext']['requestId']}.json")
    assert (document["event"]["body"], document["result"]["body"], document["error"]) == ("你", "你!", False)
    response = document["response"]
    assert (response["status"], response["body"]) == (200, "你!")
    assert ["X-A", "1"] in response["headers"]
    assert (document["custom_domain"], document["milliseconds"] > 0) == (True, True)
    assert recorded["/binary"][1]["response"]["base64"] == "AP8="
    assert recorded["/plain"][1]["result"] == {"body": "not JSON"}
    assert recorded["/error"][1]["error"] is True
    assert recorded["/error"][1]["result"]["errorType"] == "ValueError"


def test_replay(recorded, tmp_path):
    files = {path: file for path, (file, _) in recorded.items()}
    status, out, err = replay(*files.values(), "--target", "index:handler", cwd=tmp_path)
    assert (status, out) == (0, "".join(f"same: {file}\n" for file in files.values()))
    assert "ValueError: broken" in err
    changed = SOURCE.replace('"!"', '"?"').replace('"X-A"', '"X-B"').replace("AP8=", "AQ==")
    # Of another size: within a second, Python takes its bytecode for that of the same size.
    (tmp_path / "index.py").write_text(f"{changed}\n# changed\n")
    status, out, _ = replay(files["/a"], files["/binary"], files["/plain"], "--target", "index:handler", cwd=tmp_path)
    assert status == 1
    assert out.splitlines() == [
        f"differs: {files['/a']}",
        "  - X-A: 1",
        "  + X-B: 1",
        "  body: '你!' -> '你?'",
        f"differs: {files['/binary']}",
        "  - Content-Length: 2",
        "  + Content-Length: 1",
        "  body: None -> '\\x01'",
        "  base64: 'AP8=' -> None",
        f"same: {files['/plain']}",
    ]


def test_replay_of_what_cannot_be_imported(recorded, tmp_path):
    (tmp_path / "index.py").write_text("import no_such_dependency")
    status, out, err = replay(recorded["/a"][0], "--target", "index:handler", cwd=tmp_path)
    assert (status, out) == (1, "")
    assert err.splitlines()[-1] == "fc-adapter replay: cannot import index.handler, see above"


MALFORMED = [
    None,
    "not JSON",
    "\udcff",
    "[" * 200_000,
    "[]",
    "{}",
    '{"event": {}, "response": []}',
    '{"event": {}, "response": {"status": 200}}',
    '{"event": {}, "response": {"status": "200", "headers": []}}',
    '{"event": [], "response": {"status": 200, "headers": []}}',
    '{"event": {"a": "\\ud800"}, "response": {"status": 200, "headers": []}}',
    '{"event": {}, "response": {"status": 200, "headers": {"A": "b"}}}',
    '{"event": {}, "response": {"status": 200, "headers": [["A"]]}}',
    '{"event": {}, "response": {"status": 200, "headers": [["A", 1]]}}',
    '{"event": {}, "response": {"status": 200, "headers": [], "body": 1}}',
]


@pytest.mark.parametrize("text", MALFORMED, ids=lambda text: repr(text)[-30:])
def test_file_that_is_no_record(tmp_path, monkeypatch, capsys, text):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "file.json").write_text(text, "utf-8", "surrogateescape")
    status = run(["replay", "file.json", "--target", "index:handler"])
    out, err = capsys.readouterr()
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "'file.json'" in err


def test_record_that_cannot_be_written(serve, tmp_path):
    server = serve(SOURCE, "index:handler", "--record", "records")
    (tmp_path / "records").rmdir()
    assert server.get().status == 200
    server.wait_for("^cannot record the exchange: .*No such file or directory")


# What a handler returns, as the bytes that the platform gets, and what the record holds of it.
RESULTS = {
    "lone surrogate": ('{"statusCode": 200, "body": "\\ud83d"}', {"statusCode": 200, "body": "\ud83d"}),
    "100,000 lists": ("[" * 100_000 + "]" * 100_000, {"body": "[" * 100_000 + "]" * 100_000}),
    "deeper than json.dumps": ("[" * 900 + "]" * 900, None),
    "NaN": ('{"statusCode": 200, "a": NaN}', {"body": '{"statusCode": 200, "a": NaN}'}),
    "a number too large": ("[1e999]", {"body": "[1e999]"}),
    "no UTF-8": (b"\xff\xfe\xfd", {"base64": "//79"}),
    "nothing": ("", {"body": ""}),
}


@pytest.mark.parametrize("name", RESULTS)
def test_whatever_a_function_returns(serve, tmp_path, name):
    result, kept = RESULTS[name]
    source = f"def handler(event, context):\n    return {result!r}"
    server = serve(source, "index:handler", "--record", "records")
    answer = server.get()
    assert answer.status == 200
    server.stop()
    assert "cannot record" not in server.log
    [file] = (tmp_path / "records").iterdir()
    document = json.loads(file.read_text("utf-8"))
    recorded = Response(200, (), base64.b64decode(document["response"].get("base64", "")))
    assert (recorded.body or document["response"]["body"].encode()) == answer.body
    if kept is None:  # as it is or as text, depending on the Python
        [kept] = [each for each in (json.loads(result), {"body": result}) if each == document["result"]]
    assert document["result"] == kept
    if answer.body:
        status, out, _ = replay(file, "--target", "index:handler", cwd=tmp_path)
        assert (status, out) == (0, f"same: {file}\n")


def test_record_for_its_owner_alone_in_a_directory_for_all(tmp_path):
    (tmp_path / "records").mkdir(0o755)
    old = os.umask(0)
    try:
        Recorder(tmp_path / "records", custom_domain=False).write(exchange())
    finally:
        os.umask(old)
    [file] = (tmp_path / "records").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_record(file)["response"]["body"] == "done"


def exchange():
    event = {"requestContext": {"time": "2026-05-04T03:02:01Z"}}
    request = Request("GET", "/", "", (), b"", "http", "1.1", "", ("", 0))
    return Exchange(request, "1-a", Response(200, (), b"done"), 0.1, event, Reply("result", b"done", "c-1"))


@pytest.mark.parametrize("call", ["write", "close", "replace"])
def test_disk_that_fails_leaves_nothing_of_a_record(tmp_path, monkeypatch, call):
    recorder = Recorder(tmp_path, custom_domain=False)
    if call == "replace":
        monkeypatch.setattr(os, "replace", fail)
    else:
        monkeypatch.setattr(record, "open", functools.partial(Failing, call), raising=False)
    with pytest.raises(OSError, match="Input/output error"):
        recorder.write(exchange())
    assert list(tmp_path.iterdir()) == []


class Failing(io.FileIO):
    """A file on a disk that is about to fail: one call raises OSError, ``close`` after giving the descriptor back."""

    def __init__(self, call, *arguments):
        super().__init__(*arguments)
        self._call = call

    def __exit__(self, *exc_info):
        self.close()

    def write(self, data):
        if self._call == "write":
            fail()
        return super().write(data)

    def close(self):
        was_open = not self.closed
        super().close()
        if was_open and self._call == "close":  # not again when the file is collected
            fail()


def fail(*arguments):
    raise OSError(5, "Input/output error")


def test_record_that_cannot_be_made_costs_its_client_nothing(serve, tmp_path):
    """Whatever goes wrong, it is a line on the terminal."""
    (tmp_path / "sitecustomize.py").write_text(
        "import fc_adapter.runner.record as record\n"
        "def fail(*arguments): raise MemoryError\n"
        "record.describe_response = fail\n"
    )
    server = serve(SOURCE, "index:handler", "--record", "records", environment={"PYTHONPATH": str(tmp_path)})
    assert server.get().text == "!"
    server.wait_for("^cannot record the exchange: MemoryError$")
    assert list((tmp_path / "records").iterdir()) == []


def test_differences():
    before = Response(200, (("A", "1"), ("Date", "x"), ("B", "2")), b"a")
    after = Response(500, (("A", "1"), ("Date", "y"), ("B", "3")), b"b" * 500)
    found = list(Comparison().differences(describe_response(before), after))
    assert found[:3] == ["status: 200 -> 500", "- B: 2", "+ B: 3"]
    assert found[3].startswith("body: 'a' -> 'bbb")
    assert len(found[3]) < 300
    assert list(Comparison().differences(describe_response(before), before)) == []


def test_differences_that_need_not_count():
    def compare(before, after, **options):
        return list(Comparison(**options).differences(describe_response(before), after))

    before = Response(200, (("X-Build", "1"), ("Cache-Control", "No-Store")), b'{"a": 1, "b": "Yes"}')
    after = Response(200, (("x-build", "2"), ("cache-control", "no-store")), b'{"b":"yes","a":1}')
    assert [line[0] for line in compare(before, after)] == ["-", "-", "+", "+", "b"]
    assert [line[:9] for line in compare(before, after, ignore=["x-BUILD"])] == ["- Cache-C", "+ cache-c", "body: '{\""]
    assert compare(before, after, ignore=["x-build"], insensitive=True) == []
    texts = Response(200, (), b"One\n two"), Response(200, (), b"one two ")
    assert compare(*texts) != []
    assert compare(*texts, insensitive=True) == []
    assert compare(Response(200, (), b"\xff"), Response(200, (), b"\xfe"), insensitive=True) != []


def test_records_of_a_directory_are_in_the_order_of_their_requests(tmp_path):
    for name, epoch in (("b", "1777863721002"), ("a", "1777863721010"), ("c", "999"), ("d", None)):
        event = {"requestContext": {"timeEpoch": epoch}} if epoch else {"requestContext": None}
        record = {"event": event, "response": {"status": 200, "headers": []}}
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    names = [path.stem for path in list_records([str(tmp_path / "a.json"), str(tmp_path)])]
    assert names == ["a", "d", "c", "b", "a"]


def test_directory_without_records(tmp_path, capsys):
    assert run(["replay", str(tmp_path), "--target", "index:handler"]) == 2
    assert "there are no recorded exchanges in" in capsys.readouterr().err
