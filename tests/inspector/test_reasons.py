"""The runner's reasons as keys for the page: each reason that the runner has is one of them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import fc_adapter
from fc_adapter.inspector.reasons import _REASONS, find_reason

ROOT = Path(fc_adapter.__file__).parent
RAISERS = {"_BadRequestError", "platform_error", "_RefusedError", "aborted"}
FILES = ["runner/server.py", "runner/gateway.py", "runner/pool.py", "contract/trigger.py", "contract/response.py"]
NOT_THE_RUNNER_S = {"an error of the runner; its terminal has more"}
STATIC = ROOT / "inspector" / "static"


def literals():
    """The reasons in the source, with a 7 for each value."""
    for name in FILES:
        for node in ast.walk(ast.parse((ROOT / name).read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in RAISERS:
                for argument in node.args:
                    text = _text(argument)
                    if " " in text and text not in NOT_THE_RUNNER_S:
                        yield text


def _text(node):
    if isinstance(node, ast.JoinedStr):
        return "".join([part.value if isinstance(part, ast.Constant) else "7" for part in node.values])
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


@pytest.mark.parametrize("text", sorted(set(literals())))
def test_each_reason_has_a_key(text):
    variants = [text, text.replace("7", "Host", 1), text.replace("7", "request body", 1)]
    assert any(find_reason(variant) for variant in variants), text


def test_there_are_reasons():
    assert len(set(literals())) > 15


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
        ("something else", {}),
    ],
)
def test_reasons(text, reason):
    assert find_reason(text) == reason


@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_has_a_sentence_for_each(language):
    source = (STATIC / f"text-{language}.js").read_text("utf-8")
    keys = set(re.findall(r'"because\.([\w.-]+)":', source))
    for key in _REASONS:
        expected = {f"{key}.{place}" for place in ("target", "headers", "body")} if key == "too-large" else {key}
        assert expected <= keys
