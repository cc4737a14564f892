"""What installs this package again as it was installed here."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import pytest

from fc_adapter.config.runtimes import RUNTIMES
from fc_adapter.project.build import build_command

COMMIT = "0123456789abcdef0123456789abcdef01234567"

# direct_url.json, as "Recording the Direct URL Origin" has it, and the end of the command.
ORIGINS = {
    "PyPI": (None, "--only-binary :all: fc-adapter"),
    "a clone": ({"url": "file:///home/me/my%20clone", "dir_info": {}}, "--no-binary fc-adapter '/home/me/my clone'"),
    "a wheel": (
        {"url": "file:///tmp/fc_adapter-0.1-py3-none-any.whl", "archive_info": {}},
        "--only-binary :all: /tmp/fc_adapter-0.1-py3-none-any.whl",
    ),
    "an archive elsewhere": (
        {"url": "https://example.com/fc.zip", "archive_info": {}},
        "--no-binary fc-adapter 'fc-adapter @ https://example.com/fc.zip'",
    ),
    "a wheel elsewhere": (
        {"url": "https://example.com/fc.whl", "archive_info": {}},
        "--only-binary :all: 'fc-adapter @ https://example.com/fc.whl'",
    ),
    "Git": (
        {"url": "https://example.com/fc.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
        f"--no-binary fc-adapter 'fc-adapter @ git+https://example.com/fc.git@{COMMIT}'",
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


@pytest.mark.parametrize(("origin", "expected"), ORIGINS.values(), ids=ORIGINS)
def test_the_adapter_comes_from_where_it_came_from(tmp_path, monkeypatch, origin, expected):
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Installed(origin))
    assert build_command(tmp_path, RUNTIMES["python3.9"], "").endswith(expected)


def test_a_clone_goes_before_what_the_requirements_say(tmp_path, monkeypatch):
    (tmp_path / "requirements.txt").write_text("fc-adapter\n")
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Installed({"url": "file:///clone"}))
    assert build_command(tmp_path, RUNTIMES["python3.9"], "").endswith("-r requirements.txt /clone")


def test_without_an_installation_it_is_the_directory_that_it_runs_from(tmp_path, monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    root = Path(__file__).parents[2]
    assert build_command(tmp_path, RUNTIMES["python3.9"], "").endswith(f"--no-binary fc-adapter {root}")
