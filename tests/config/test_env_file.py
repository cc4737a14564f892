"""Files and options with ``NAME=value``."""

from __future__ import annotations

import sys

import pytest

from fc_adapter.config.env_file import parse_variable, read_env_file
from fc_adapter.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("\n# comment\nA=1\n export B = two words \nC='q'\n", {"A": "1", "B": "two words", "C": "q"}),
        ("A='1 # note'\nB=1 # note\nC=\n", {"A": "1 # note", "B": "1", "C": ""}),
        ("HOST=db\nURL=mysql://${HOST}/shop\nRAW='\\$a'\n", {"HOST": "db", "URL": "mysql://db/shop", "RAW": "\\$a"}),
        ('KEY="-----BEGIN\nline 2"\nTAB="a\\tb"\r\n', {"KEY": "-----BEGIN\nline 2", "TAB": "a\tb"}),
        ("\ufeffA=1\n", {"A": "1"}),
        ("", {}),
    ],
)
def test_it_means_what_python_dotenv_makes_of_it(tmp_path, text, variables):
    (tmp_path / ".env").write_bytes(text.encode())
    assert read_env_file(tmp_path / ".env") == variables


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\n\nno pair\n", 3),
        ("A\n", 1),
        ("A='1\n", 1),
        ("A=1\0\n", 1),
        ("'A=B'=1\n", 1),
    ],
)
def test_a_line_that_is_no_variable_is_named_and_not_shown(tmp_path, text, line):
    (tmp_path / ".env").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_env_file(tmp_path / ".env")
    assert str(caught.value) == f"line {line} of {tmp_path / '.env'} is no variable, expected NAME=value"


def test_a_file_that_cannot_be_read(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="No such file"):
        read_env_file(tmp_path / ".env")
    monkeypatch.setitem(sys.modules, "dotenv", None)
    with pytest.raises(ConfigError, match=r"needs python-dotenv: pip install 'fc-adapter\[local\]'"):
        read_env_file(tmp_path / ".env")


def test_options():
    assert parse_variable(" A = b c ", "--env") == ("A", "b c")
    for text in ("=x", "A", "A=\0", "A=\ud800"):
        with pytest.raises(ConfigError, match=r"--env is .*, expected NAME=value"):
            parse_variable(text, "--env")
