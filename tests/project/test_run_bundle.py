"""``fc-adapter serve --bundle``: the archive's content, the runtime's Python, and nothing of this environment."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from fc_adapter.config.function import Function
from fc_adapter.config.runtimes import RUNTIMES
from fc_adapter.config.target import Target
from fc_adapter.errors import ConfigError
from fc_adapter.project import bundle
from fc_adapter.project.interpreter import find_interpreter
from fc_adapter.runner.instance import Instance

SOURCE = """
import json, os, sys
import fc_adapter


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    try:
        import flask
    except ImportError:
        flask = None
    import dependency
    seen = {
        "version": list(sys.version_info[:2]),
        "environment": dict(os.environ),
        "dependency": dependency.__file__,
        "files": sorted(os.listdir()),
        "flask": flask is not None,
        "exit": callable(exit),
    }
    return [json.dumps(seen).encode()]


import dependency
handler = fc_adapter.wrap(app)
"""
TEMPLATE = """
edition: 3.0.0
resources:
  web:
    component: fc3
    props:
      runtime: {runtime}
      handler: index.handler
      code: .
      environmentVariables: {{PYTHONPATH: "/code/python:/opt/python", GREETING: hello}}
"""


@pytest.fixture
def project(tmp_path):
    """A project whose packages are beside its code."""
    code = tmp_path / "code"
    (code / "python" / "dependency").mkdir(parents=True)
    (code / "python" / "dependency" / "__init__.py").write_text("")
    (code / "index.py").write_text(SOURCE)
    (code / ".env").write_text("SECRET=1")
    (code / ".fcignore").write_text(".env\n")
    return code


def serve_bundle(project, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "fc_adapter", "serve", "--bundle", "--check", "/", *arguments],
        cwd=project,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def runtime():
    """A runtime whose Python is on this machine, another one than this if there is one."""
    here = sys.version_info[:2]
    found = sorted(
        (each for each in RUNTIMES.values() if find_interpreter(each)), key=lambda each: each.version == here
    )
    if not found:  # pragma: no cover - machines differ
        pytest.skip("no Python of a runtime's version is here")
    return found[0]


def test_runs_the_archive_by_the_runtimes_python(project, runtime):
    (project / "s.yaml").write_text(TEMPLATE.format(runtime=runtime.name))
    ended = serve_bundle(project, "--env", "GIVEN=1", OF_MY_SHELL="1")
    assert ended.returncode == 0, ended.stderr
    seen = json.loads(ended.stdout.splitlines()[-1])
    directory = seen["environment"]["FC_FUNC_CODE_PATH"]
    assert seen["version"] == list(runtime.version)
    assert (seen["flask"], seen["exit"]) == (False, True)
    assert seen["dependency"] == f"{directory}/python/dependency/__init__.py"
    assert [each for each in seen["files"] if each != "__pycache__"] == [".fcignore", "index.py", "python", "s.yaml"]
    assert seen["environment"].keys() >= {"GREETING", "GIVEN", "HOME", "PATH", "FC_REGION"}
    assert "OF_MY_SHELL" not in seen["environment"]
    assert not os.path.exists(directory)
    assert "note: the archive has no /opt/python" in ended.stderr
    assert "this is python" not in ended.stderr


def test_missing_packages_are_named(project, runtime):
    (project / "s.yaml").write_text(TEMPLATE.format(runtime=runtime.name))
    (project / ".fcignore").write_text("python\n")
    ended = serve_bundle(project)
    note = "note: the archive has no /code/python, /opt/python; fc-adapter build installs the packages there"
    assert note in ended.stderr.splitlines()
    assert "No module named 'dependency'" in ended.stderr


@pytest.fixture
def function(project):
    return Function(Target(project, "index", "handler"), runtime=(3, 10))


def test_copy_is_there_for_a_while(function, monkeypatch):
    monkeypatch.setattr(bundle, "find_interpreter", lambda runtime: sys.executable)
    monkeypatch.setattr(bundle, "is_like_platform", lambda: False)
    with bundle.unpacked(function) as (copy, notes):
        assert copy.handler.directory != function.handler.directory
        assert (copy.handler.directory / "index.py").read_text() == SOURCE
        assert copy.interpreter == sys.executable
    assert not copy.handler.directory.exists()
    assert notes == ["packages with compiled parts are for Linux on x86_64, and cannot be loaded on this machine"]


def test_without_a_python_of_the_version(function, monkeypatch):
    monkeypatch.setattr(bundle, "find_interpreter", lambda runtime: None)
    with (
        pytest.raises(ConfigError, match=r"needs Python 3\.10, and there is none here: uv python install 3\.10"),
        bundle.unpacked(function),
    ):
        pass  # pragma: no cover - it is not entered


def test_without_the_extra(function, monkeypatch):
    monkeypatch.setattr(bundle.importlib.util, "find_spec", lambda name: None)
    with (
        pytest.raises(ConfigError, match=r"--bundle needs pathspec: pip install 'fc-adapter\[local\]'"),
        bundle.unpacked(function),
    ):
        pass  # pragma: no cover - it is not entered


@pytest.mark.parametrize("other", ["--reload", "--in-process"])
def test_options_that_exclude_each_other(project, other):
    ended = serve_bundle(project, other)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert f"which {other} cannot: choose one" in ended.stderr


def test_other_interpreter_has_no_packages(tmp_path):
    source = "import sys\ndef handler(event, context): return [sys.flags.no_site, callable(exit)]"
    (tmp_path / "index.py").write_text(source)
    function = Function(Target(tmp_path, "index", "handler"), interpreter=sys.executable)
    instance = Instance(function, log=lambda *line: None, freeze=False)
    try:
        assert instance.start() is None
        assert json.loads(instance.invoke(b"{}", "1-a").data) == [1, True]
    finally:
        instance.kill()


def test_target_that_is_pickled_is_one_for_any_python(tmp_path):
    target = Target(tmp_path, "index", "handler")
    data = pickle.dumps(target)
    assert pickle.loads(data) == target
    assert b"pathlib" not in data
    assert isinstance(pickle.loads(data).directory, Path)
