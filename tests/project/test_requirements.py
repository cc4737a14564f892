"""What a project requires: its files, local packages, and this package as it was installed here."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
from pathlib import Path
from urllib.parse import quote

import pytest

from fc_adapter.errors import ConfigError
from fc_adapter.project import requirements
from fc_adapter.project.requirements import (
    adapter_requirement,
    declared_dependencies,
    find_requirements,
    parse_requirement,
    read_requirements,
)
from tests.support.wheels import make_source, make_wheel

COMMIT = "0123456789abcdef0123456789abcdef01234567"

# direct_url.json, as "Recording the Direct URL Origin" has it; what installs the package again; whether that builds it.
ORIGINS = {
    "PyPI": (None, "fc-adapter", False),
    "a clone": ({"url": "file:///home/me/my%20clone", "dir_info": {}}, "/home/me/my clone", False),
    "an archive elsewhere": (
        {"url": "https://example.com/fc.zip", "archive_info": {}},
        "fc-adapter @ https://example.com/fc.zip",
        True,
    ),
    "a wheel elsewhere": (
        {"url": "https://example.com/fc.whl", "archive_info": {}},
        "fc-adapter @ https://example.com/fc.whl",
        False,
    ),
    "Git": (
        {"url": "https://example.com/fc.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
        f"fc-adapter @ git+https://example.com/fc.git@{COMMIT}",
        True,
    ),
}


class Installed:
    """A distribution with another origin."""

    def __init__(self, origin):
        self.origin = origin

    def read_text(self, name):
        """The recorded origin."""
        assert name == "direct_url.json"
        return self.origin and json.dumps(self.origin)


@pytest.fixture
def released(monkeypatch):
    """An adapter that was installed from PyPI."""
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Installed(None))


@pytest.mark.parametrize(("origin", "expected", "is_built"), ORIGINS.values(), ids=ORIGINS)
def test_the_adapter_comes_from_where_it_came_from(tmp_path, monkeypatch, origin, expected, is_built):
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Installed(origin))
    (tmp_path / "requirements.txt").write_text("flask\n")
    assert adapter_requirement() == expected
    found = read_requirements([tmp_path / "requirements.txt"])
    assert [line.text for line in found.lines] == ["flask", expected]
    assert found.built_here == ({"fc-adapter"} if is_built else set())


def test_without_an_installation_it_is_the_directory_that_it_runs_from(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    assert adapter_requirement() == str(Path(__file__).parents[2])


NAMED = {
    "a file": ({"requirements.txt": "flask\n"}, ["flask", "fc-adapter"]),
    "with the adapter": ({"requirements.txt": "flask\nFC_Adapter>=0.1\n"}, ["flask", "FC_Adapter>=0.1"]),
    "a project table": ({"pyproject.toml": "[project]\nname = 'x'\n"}, ["fc-adapter"]),
    "a project table with the adapter": (
        {"pyproject.toml": '[project]\nname = "x"\ndependencies = [\n  "fc-adapter",\n]\n'},
        [],
    ),
    "both": ({"requirements.txt": "flask\n", "pyproject.toml": "[project]\n"}, ["flask", "fc-adapter"]),
}


@pytest.mark.parametrize(("files", "expected"), NAMED.values(), ids=NAMED)
def test_the_adapter_is_added_where_it_is_not_named(project, released, files, expected):
    project.write(files)
    found = read_requirements(find_requirements([project.directory]))
    assert [line.text for line in found.lines] == expected
    assert len(found.projects) == ("requirements.txt" not in files)


def test_a_project_that_says_nothing(project):
    project.write({"pyproject.toml": "[tool.ruff]\n", "code/app.py": ""})
    assert find_requirements([project.directory / "code", project.directory]) == []


def test_the_lines_of_files_that_name_others(project, released):
    project.write(
        {
            "requirements.txt": "# ours\n-r more/base.txt  # theirs\n--requirement=more/base.txt\n-cmore/limits.txt\n"
            "-f wheels\n--find-links https://example.com/wheels\n--index-url https://example.com/simple\n"
            'flask==3 ; python_version < "3.10" \\\n  --hash=sha256:00\n',
            "more/base.txt": "redis\n-r ../requirements.txt\n-c missing\n",
            "more/limits.txt": "redis<6\n",
        }
    )
    (project.directory / "wheels").mkdir()
    (project.directory / "more" / "missing").write_text("")
    found = read_requirements([Path("requirements.txt")])
    here = project.directory
    assert [line.text for line in found.lines] == [
        "redis",
        f"-c {here}/more/missing",
        f"-c {here}/more/limits.txt",
        f"-f {here}/wheels",
        "--find-links https://example.com/wheels",
        "--index-url https://example.com/simple",
        'flask==3 ; python_version < "3.10"    --hash=sha256:00',
        "fc-adapter",
    ]
    assert [file.name for file in found.files] == ["requirements.txt", "base.txt", "missing", "limits.txt"]


def test_a_file_that_is_missing_is_named(project):
    project.write({"requirements.txt": "-r nowhere.txt\n"})
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere\.txt: No such file"):
        read_requirements([Path("requirements.txt")])


@pytest.fixture
def local(project):
    """A clone, a source archive and a wheel beside the project."""
    make_source(project.directory / "libs" / "clone", "clone")
    project.write({"libs/old.tar.gz": b""})
    return make_wheel(project.directory / "libs", "tool")


@pytest.mark.parametrize(
    ("text", "name", "extras", "marker", "is_source"),
    [
        ("./libs/clone", "clone", "", "", True),
        ("libs/clone[fast,slow] ; python_version < '4'", "clone", "[fast,slow]", "; python_version < '4'", True),
        ("clone @ file://{here}/libs/clone", "clone", "", "", True),
        ("clone[fast] @ file://{here}/libs/clone", "clone", "[fast]", "", True),
        ("file:{here}/libs/old.tar.gz", "old.tar.gz", "", "", True),
        ("libs/tool-1.0-py3-none-any.whl", "tool-1.0-py3-none-any.whl", "", "", False),
    ],
)
def test_local_packages_are_found(project, local, text, name, extras, marker, is_source):
    found = parse_requirement(text.format(here=quote(str(project.directory))), project.directory)
    assert (found.path, found.extras, found.marker) == (project.directory / "libs" / name, extras, marker)
    assert (found.is_source, found.name) == (is_source, "")


@pytest.mark.parametrize(
    "text", ["flask", "flask[async]>=3", "./nowhere", "a @ https://example.com/a.whl", "lib/x.whl"]
)
def test_others_stay_as_they_are(project, text):
    assert parse_requirement(text, project.directory) == (text, None, "", "")


def test_an_editable_package_is_one_like_others(project, released, local):
    project.write({"requirements.txt": "-e libs/clone\n--editable=./libs/clone\n"})
    found = read_requirements([Path("requirements.txt")])
    assert [line.path for line in found.lines] == [project.directory / "libs" / "clone"] * 2 + [None]


def test_the_fingerprint_is_of_contents_and_of_local_packages(project, released, local):
    project.write(
        {
            "requirements.txt": "-r base.txt\nlibs/clone\nlibs/tool-1.0-py3-none-any.whl\n",
            "base.txt": "flask\n",
            "uv.lock": 'source = { editable = "." }\nsource = { directory = "libs/clone" }\n',
            "pyproject.toml": '[project]\nname = "shop"\n',
        }
    )
    here = project.directory

    def fingerprints():
        return [read_requirements([Path(name)]).fingerprint() for name in ("requirements.txt", "pyproject.toml")]

    def changed():
        nonlocal before
        after, before = before, fingerprints()
        return [one != other for one, other in zip(after, before)]

    before = fingerprints()
    assert changed() == [False, False]
    project.write(
        {
            "libs/clone/build/new.py": "",
            "libs/clone/x/.fc-adapter.json": "{}",
            "libs/clone/x/y.py": "",
            "libs/clone/.coverage": "",
        }
    )
    assert changed() == [False, False]
    project.write({"libs/clone/clone/new.py": ""})
    assert changed() == [True, True]
    project.write({"base.txt": "django\n"})
    assert changed() == [True, False]
    os.utime(local, (0, 0))
    assert changed() == [True, False]
    project.write({"uv.lock": ""})
    assert changed() == [False, True]
    (here / "libs" / "clone" / "clone" / "new.py").unlink()
    assert changed() == [True, False]


def test_dependencies_of_a_project_without_uv(project, monkeypatch):
    project.write({"pyproject.toml": '[project]\nname = "x"\ndependencies = ["flask"]\n'})
    assert declared_dependencies(project.directory / "pyproject.toml") == ["flask"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"nothing here reads .*pyproject\.toml: install uv"):
        declared_dependencies(project.directory / "pyproject.toml")


def test_names_are_compared_as_indexes_do():
    assert requirements.normalize("Zope.Interface__x") == "zope-interface-x"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_encodings_of_a_requirements_file(tmp_path, encoding):
    file = tmp_path / "requirements.txt"
    file.write_text("# 商店\nflask==3.0\n", encoding=encoding)
    assert read_requirements([file]).lines[0].text == "flask==3.0"
