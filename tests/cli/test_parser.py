"""The options of the commands, and what the documentation says of them."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import types

import pytest

from fc_adapter.cli import run
from fc_adapter.cli.parser import build_parser
from fc_adapter.runner.platform import LocalPlatform
from tests.support.pages import ROOT


def find_parser(command):
    [commands] = [action for action in build_parser()._actions if action.choices]
    return commands.choices[command]


@pytest.mark.parametrize("page", ["docs/runner.md", "docs/zh-CN/runner.md"])
@pytest.mark.parametrize("command", ["serve", "replay", "invoke", "event"])
def test_every_option_is_documented(command, page):
    tables = re.split("\n## (?:All options|全部选项)\n", (ROOT / page).read_text(encoding="utf-8"))[1].partition(
        "\n## "
    )[0]
    documented = set(re.findall(r"(?<![\w-])--?[a-zA-Z][a-z-]*", tables))
    options = {text for action in find_parser(command)._actions for text in action.option_strings}
    assert options - documented == {"-h", "--help"}


def test_instances_are_as_many_as_in_tests():
    default = inspect.signature(LocalPlatform).parameters["instances"].default
    assert find_parser("serve").get_default("instances") == default


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["srve"], "fc-adapter: there is no command 'srve'; did you mean serve?; see fc-adapter --help"),
        (["xyz"], "fc-adapter: there is no command 'xyz'; see fc-adapter --help"),
        (
            ["serve", "--prot=80", "--instance", "3", "--cutsom-domain", "--xyz"],
            "fc-adapter serve: unrecognized arguments: --prot=80 --cutsom-domain --xyz; did you mean --port and "
            "--custom-domain?; see fc-adapter serve --help",
        ),
        (
            ["event", "GET", "/", "--heder", "x"],
            "fc-adapter event: unrecognized arguments: --heder x; did you mean --header?; see fc-adapter event --help",
        ),
    ],
)
def test_what_was_meant(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        run(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"{message}\n"


def complete(line, tmp_path, **environment):
    """What the shell offers after ``line``."""
    output = tmp_path / "completions"
    subprocess.run(
        [sys.executable, "-m", "fc_adapter"],
        env={
            **os.environ,
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(output),
            "_ARGCOMPLETE_IFS": "\n",
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            **environment,
        },
        check=False,
        capture_output=True,
        timeout=60,
    )
    return output.read_text().split("\n") if output.exists() else None


def test_completion(tmp_path):
    pytest.importorskip("argcomplete")
    assert [word.strip() for word in complete("fc-adapter se", tmp_path)] == ["serve"]
    assert {word.strip() for word in complete("fc-adapter serve --in", tmp_path)} >= {"--instances", "--in-process"}


def test_completion_without_the_extra(monkeypatch, capsys):
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    assert run(["event", "GET", "/"]) == 0
    assert capsys.readouterr().out.startswith("{")


def test_completion_is_asked_for(monkeypatch):
    asked = []
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    monkeypatch.setitem(sys.modules, "argcomplete", types.SimpleNamespace(autocomplete=asked.append))
    assert run(["event", "GET", "/"]) == 0
    assert [parser.prog for parser in asked] == ["fc-adapter"]
