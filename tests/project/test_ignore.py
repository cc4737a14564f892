"""The patterns of ``.fcignore``."""

from __future__ import annotations

import pytest

from fc_adapter.project.ignore import archived_files, read_ignored
from fc_adapter.project.templates import IGNORED


@pytest.mark.parametrize(
    ("patterns", "ignored", "kept"),
    [
        ("/tests", ["tests/", "TESTS/"], ["web/tests/", "tests2/"]),
        ("/tests/", ["tests/"], ["web/tests/", "tests"]),
        ("tests", ["tests/", "web/tests/"], ["tests.py"]),
        ("*.py[cod]", ["a.pyc", "web/a.pyo"], ["a.py"]),
        ("[!a].txt", ["b.txt"], ["a.txt"]),
        ("\\!important\n\\#1", ["!important", "#1"], ["important"]),
        ("web/*.md", ["web/a.md"], ["a.md", "web/b/a.md"]),
        ("./web/a.md\n!./web/b.md", ["web/a.md"], ["a.md", "web/b.md"]),
        ("web/**/a.md", ["web/a.md", "web/b/c/a.md"], ["a.md"]),
        ("web/**", ["web/a", "web/b/c"], ["web"]),
        ("**/a", ["a", "b/a"], ["b"]),
        ("a?.txt", ["ab.txt"], ["a.txt", "a/.txt"]),
        ("*.md\n!README.md", ["a.md"], ["README.md", "web/README.md"]),
        ("# *.md\n\n  \n*.txt \n!\n[z-a]", ["a.txt"], ["a.md"]),
    ],
)
def test_what_is_ignored(tmp_path, patterns, ignored, kept):
    (tmp_path / ".fcignore").write_text(patterns)
    is_ignored = read_ignored(tmp_path)
    assert [name for name in ignored + kept if is_ignored(name)] == ignored


def test_without_a_file_nothing_is_ignored(tmp_path):
    assert not read_ignored(tmp_path)(".git/")


def test_the_files_of_the_archive(tmp_path):
    for name in ("index.py", "web/a.py", "web/a.pyc", "tests/a.py", "web/tests/b.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".fcignore").write_text("*.pyc\n/tests/\n.fcignore\n")
    assert [path.as_posix() for path in archived_files(tmp_path)] == ["index.py", "web/a.py", "web/tests/b.py"]


def test_what_init_leaves_out(tmp_path):
    (tmp_path / ".fcignore").write_text(IGNORED)
    is_ignored = read_ignored(tmp_path)
    ignored = [
        ".env",
        ".env.local",
        "instance/shop.db",
        "db.sqlite3",
        "app.log",
        "logs/web.log",
        ".venv/",
        "python/bin/",
    ]
    kept = ["index.py", "python/shop/db.sqlite3", "python/shop/instance/a.db", "logs/", "environment.py", "web/tests/"]
    assert [name for name in ignored + kept if is_ignored(name)] == ignored
