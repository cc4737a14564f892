"""The patterns of ``.fcignore``."""

from __future__ import annotations

import pytest

from fc_adapter.project.ignore import read_ignored


@pytest.mark.parametrize(
    ("patterns", "ignored", "kept"),
    [
        ("/tests", ["tests", "TESTS"], ["web/tests", "tests2"]),
        ("/tests/", ["tests"], ["web/tests"]),
        ("tests", ["tests", "web/tests"], ["tests.py"]),
        ("*.pyc", ["a.pyc", "web/a.pyc"], ["a.py"]),
        ("web/*.md", ["web/a.md"], ["a.md", "web/b/a.md"]),
        ("./web/a.md", ["web/a.md"], ["a.md"]),
        ("web/**/a.md", ["web/a.md", "web/b/c/a.md"], ["a.md"]),
        ("web/**", ["web/a", "web/b/c"], ["web"]),
        ("**/a", ["a", "b/a"], ["b"]),
        ("a**b", ["ab", "a/b"], ["b"]),
        ("a?.txt", ["ab.txt"], ["a.txt", "a/.txt"]),
        ("*.md\n!README.md", ["a.md"], ["README.md", "web/README.md"]),
        ("# *.md\n\n  \n*.txt ", ["a.txt"], ["a.md"]),
    ],
)
def test_what_is_ignored(tmp_path, patterns, ignored, kept):
    (tmp_path / ".fcignore").write_text(patterns)
    is_ignored = read_ignored(tmp_path)
    assert [name for name in ignored + kept if is_ignored(name)] == ignored


def test_without_a_file_nothing_is_ignored(tmp_path):
    assert not read_ignored(tmp_path)(".git")
