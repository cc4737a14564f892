"""Templates as people have them, and what ``serve`` and ``doctor`` say of each.

Each file in ``templates/`` begins with what there is beside it, and with all that is said: ``...`` is anything.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import types
from pathlib import Path

import pytest

from fc_adapter.application import NotFoundError
from fc_adapter.cli import run
from fc_adapter.config import options
from fc_adapter.config.template import read_template
from fc_adapter.errors import ConfigError
from fc_adapter.project import project

TEMPLATES = sorted(Path(__file__).with_name("templates").glob("*.yaml"))
INDEX = "def handler(event, context):\n    return {}\n\n\ninitialize = pre_stop = print\n"
UNSET = dict.fromkeys(("target", "template", "resource", "runtime", "timeout", "memory", "initializer", "pre_stop"))


def header(text, word):
    """What the lines ``# word: ...`` at the top say."""
    return re.findall(rf"(?m)^# {word}:? (.*)$", text)


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """Both commands on a template in a project of its own: the lines that each says."""

    def said(text):
        for name in ("index.py", "code/index.py", "code/shop/index.py"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(INDEX)
        for line in header(text, "with"):
            name, _, content = line.partition(":")
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content.strip().replace("\\n", "\n"), encoding="utf-8")
        (tmp_path / (header(text, "file") or ["s.yaml"])[0]).write_text(text, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PATH", "/usr/bin:/bin")
        # Whatever Python runs the tests, it is none of the platform's.
        monkeypatch.setattr(options, "sys", types.SimpleNamespace(version_info=(3, 99)))
        monkeypatch.setattr(project, "find_interpreter", lambda runtime: None)
        served = list(serve(tmp_path))
        notes = capsys.readouterr().err.splitlines()
        run(["doctor", "--no-import"])
        diagnosed = capsys.readouterr().out.splitlines()
        return (
            [line.replace(str(tmp_path), "/project") for line in notes + served],
            [line.replace(str(tmp_path), "/project") for line in diagnosed if ": size:" not in line],
        )

    return said


def serve(directory):
    """What ``serve`` would run, or why it would not."""
    try:
        function = options.configure(argparse.Namespace(env=[], env_file=[], **UNSET))
    except (ConfigError, NotFoundError) as error:
        yield f"fc-adapter serve: {error}"
        return
    place = function.handler.directory.relative_to(directory).as_posix()
    number = ".".join(map(str, function.runtime))
    yield (
        f"{function.label} in {place} is {function.name} ({function.region}, Python {number}, {function.timeout:g} s, "
        f"{function.memory} MB, {'+'.join(function.methods)})"
    )
    for name, value in function.environment.items():
        yield f"{name}={value}"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_what_is_said(said, path):
    text = path.read_text(encoding="utf-8")
    served, diagnosed = said(text)
    assert_lines(served, header(text, "serve"))
    assert_lines(diagnosed, header(text, "doctor"))


def assert_lines(lines, expected):
    shown = [
        each if re.fullmatch(".*".join(map(re.escape, each.split("..."))), line) else line
        for line, each in zip(lines, expected)
    ]
    assert shown + lines[len(expected) :] == expected


def test_there_are_enough():
    assert len(TEMPLATES) >= 30


SCHEMA = json.loads(Path(__file__).parent.parent.joinpath("data", "fc3-props.schema.json").read_text(encoding="utf-8"))
ODD = [7, "${x}", [["a"], {"b": 1}, None], {"a": {"b": [1]}, "mountPoints": [1, {}], "src": 7, "initializer": []}]


@pytest.mark.parametrize("key", [*SCHEMA["properties"], "extend", "component", "actions"])
def test_values_that_nobody_expects_are_no_traceback(tmp_path, key):
    template = tmp_path / "s.yaml"
    props = {"runtime": "python3.10", "handler": "index.handler", "code": "."}
    for value in ODD:
        resource = {"component": "fc3", "props": {**props, key: value}}
        for document in ({"web": resource}, {"web": {**resource, "props": props, key: value}}):
            template.write_text(json.dumps({"resources": document, "vars": value, "env": value, "template": value}))
            with contextlib.suppress(ConfigError):
                assert list(map(type, read_template(template).notes)) == [str] * len(read_template(template).notes)
