"""The runner's reasons as keys for the page: each reason that the runner has is one of them."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

import fc_adapter
from fc_adapter.config.function import Function
from fc_adapter.config.target import Target
from fc_adapter.inspector.reasons import _REASONS, find_reason
from fc_adapter.inspector.roster import Roster
from fc_adapter.runner.instance import Instance
from tests.support.server import PATIENCE

ROOT = Path(fc_adapter.__file__).parent
RAISERS = {"_BadRequestError", "platform_error", "_RefusedError", "aborted", "_refuse"}
STOPPERS = {"_exchange", "_excess"}  # of an instance: their messages are why it ends
ENDERS = {"_let_go", "_make_stale"}  # of a pool: their second argument is why an instance ends
NOT_SHOWN = {"no route for 7 7"}  # the router's own, which no inspector watches
STATIC = ROOT / "inspector" / "static"


def sources():
    for room in ("runner", "contract"):
        for path in sorted((ROOT / room).glob("*.py")):
            yield ast.parse(path.read_text("utf-8"))


def sentences():
    """The reasons in the source that are sentences, with a 7 for each value."""
    for tree in sources():
        constants = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and name_of(node.func) in RAISERS:
                found = node.args
            elif isinstance(node, ast.FunctionDef) and node.name in STOPPERS:
                found = [each.value for each in ast.walk(node) if isinstance(each, (ast.Assign, ast.Return))]
            else:
                continue
            yield from (text for text in (read(each, constants) for each in found) if " " in text)


def words():
    """The reasons for the end of an instance that are a word."""
    for tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and name_of(node.func) in ENDERS:
                yield read(node.args[1], {})
            elif isinstance(node, ast.Assign) and name_of(node.targets[0]) == "end_reason":
                yield read(node.value, {})


def name_of(node):
    return getattr(node, "id", getattr(node, "attr", ""))


def read(node, constants):
    """A text in the source; ``""`` for what is none."""
    if isinstance(node, ast.JoinedStr):
        return "".join(read(part, constants) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return constants.get(name_of(node.value), "7")
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def texts(language, kind):
    """The keys of one kind that the page has a text for in a language."""
    source = (STATIC / f"text-{language}.js").read_text("utf-8")
    return set(re.findall(rf'"{kind}\.([\w.-]+)":', source))


@pytest.mark.parametrize("text", sorted({*sentences()} - NOT_SHOWN))
def test_each_reason_has_a_key(text):
    variants = [text, text.replace("7", "Host", 1), text.replace("7", "request body", 1)]
    assert any(find_reason(variant) for variant in variants), text


def test_there_are_reasons():
    found = {*sentences()}
    assert len(found) > 25
    assert {"Function timed out after 7 seconds", "an error of the runner; its terminal has more"} < found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_word_has_a_text(language):
    found = {*words()} - {""}
    assert {"idle", "renewed", "asked", "closed", "start", "init"} == found
    assert found == texts(language, "reason")


@pytest.mark.parametrize("data", [b"GET /" + b"a" * 70000, b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 200 + b"\r\n"])
def test_what_the_standard_library_refuses(echo, data):
    body = echo.send(data + b"\r\n").partition(b"\r\n\r\n")[2]
    assert find_reason(json.loads(body)["errorMessage"])


@pytest.mark.parametrize(
    ("program", "key", "values"),
    [
        ("import os; os._exit(3)", "exited-status", {"status": "3"}),
        ("import os; os.kill(os.getpid(), 9)", "exited-signal", {"signal": "SIGKILL"}),
        ("while True: pass", "timeout", {"seconds": "0.5"}),
    ],
)
def test_why_an_instance_ended(tmp_path, monkeypatch, program, key, values):
    monkeypatch.setattr("fc_adapter.runner.instance._EXIT_SECONDS", PATIENCE)  # it may take long where much else runs
    (tmp_path / "index.py").write_text(f"def handler(event, context):\n    {program}\n")
    function = Function(handler=Target(tmp_path, "index", "handler"), timeout=0.5 if key == "timeout" else 60)
    instance = Instance(function, log=lambda *line: None, freeze=False)
    roster = Roster()
    roster.add(instance)
    assert instance.start() is None
    assert instance.invoke(b"{}", "r").kind == "error"
    [shown] = roster.describe()
    assert (shown["state"], shown["because"]) == ("ended", {"key": key, "values": values})


SIZES = {"size": "7", "limit": "3"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("request body: 7 bytes, the limit is 3", {"key": "too-large.body", "values": {"size": "7", "limit": "3"}}),
        (
            "path with query: 7 bytes, the limit is 3",
            {"key": "too-large.target", "values": {"size": "7", "limit": "3"}},
        ),
        ("request body: more than 7 bytes, the limit", {"key": "too-large.body", "values": {"size": "7"}}),
        ("Function timed out after 0.5 seconds", {"key": "timeout", "values": {"seconds": "0.5"}}),
        ("the trigger allows GET, not TRACE", {"key": "method", "values": {"allowed": "GET", "method": "TRACE"}}),
        (
            "Process exited unexpectedly before completing request (its threads run on)",
            {"key": "exited-threads", "values": {}},
        ),
        (
            "Process exited unexpectedly before completing request (SystemExit: 2)",
            {"key": "exited", "values": {"how": "SystemExit: 2"}},
        ),
        ("something else", {}),
    ],
)
def test_reasons(text, reason):
    assert find_reason(text) == reason


@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_has_a_sentence_for_each(language):
    keys = texts(language, "because")
    for key in _REASONS:
        expected = {f"{key}.{place}" for place in ("target", "headers", "body")} if key == "too-large" else {key}
        assert expected <= keys
