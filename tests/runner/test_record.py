"""``--record`` and ``replay``: exchanges as files, run again."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from fc_adapter.messages import Response
from fc_adapter.runner.cli import run
from fc_adapter.runner.record import describe_response, differences
from tests.runner.serving import PATIENCE

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
    (tmp_path / "index.py").write_text(SOURCE.replace('"!"', '"?"').replace('"X-A"', '"X-B"').replace("AP8=", "AQ=="))
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


@pytest.mark.parametrize("text", [None, "not JSON", "[]", "{}", '{"event": {}, "response": []}'])
def test_file_that_is_no_record(tmp_path, monkeypatch, capsys, text):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "file.json").write_text(text)
    status = run(["replay", "file.json", "--target", "index:handler"])
    out, err = capsys.readouterr()
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "'file.json'" in err


def test_record_that_cannot_be_written(serve, tmp_path):
    server = serve(SOURCE, "index:handler", "--record", "records")
    (tmp_path / "records").rmdir()
    assert server.get().status == 200
    server.wait_for("^cannot record the exchange: .*No such file or directory")


def test_differences():
    before = Response(200, (("A", "1"), ("Date", "x"), ("B", "2")), b"a")
    after = Response(500, (("A", "1"), ("Date", "y"), ("B", "3")), b"b" * 500)
    found = list(differences(describe_response(before), after))
    assert found[:3] == ["status: 200 -> 500", "- B: 2", "+ B: 3"]
    assert found[3].startswith("body: 'a' -> 'bbb")
    assert len(found[3]) < 300
    assert list(differences(describe_response(before), before)) == []
