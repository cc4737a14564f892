"""The mutation tester on sources of a few lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.__main__ import ROOT, choose, parse_options
from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.mutants import deployed_modules, mutate_source
from tests.mutation.runs import ALSO_FAST, SLOW_TESTS, fast_test_files, find_changes


def changed_lines(source):
    return {mutant.after for mutant in mutate_source("module.py", source)}


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("x = a < b", {"x = a <= b", "x = a >= b"}),
        ("x = a is not b", {"x = a is b"}),
        ("x = 0 <= a", {"x = 0 < a", "x = 0 > a", "x = 1 <= a"}),
        (
            "x = a and (b or c)",
            {"x = a or (b or c)", "x = a and (b and c)", "x = (b or c)", "x = a", "x = a and (b )", "x = a and (c)"},
        ),
        ("x = not a", {"x = a"}),
        ("x = -a + b", {"x = a + b", "x = -a - b"}),
        ("x = True", {"x = False"}),
        ("x = 'é' + y", {"x = '' + y", "x = 'é' - y"}),
        ("x = b''", {"x = b'x'"}),
        ("x = 1.5", {"x = 2.5"}),
        ("x = y[a:b]", {"x = y[:b]", "x = y[a:]"}),
        ("x = f(a, b=c)", {"x = f(a)"}),
        ("x = f(b=c)", {"x = f()"}),
        ("x = f(a, b)", {"x = f(a)"}),
        ("x = isinstance(a, b)", set()),
        ("x = {'a': y, 'b': z}", {"x = {'': y, 'b': z}", "x = {'a': y, '': z}", "x = {'a': y}"}),
        ("x = {'a', y}", {"x = {'', y}"}),
        ("x = ['a', 'b']", {"x = ['', 'b']", "x = ['a', '']", "x = ['a']", "x = ['b']"}),
        ("x = a if b else c", {"x = a if not (b) else c"}),
        ("x = [a for a in b if a]", {"x = [a for a in b if not (a)]"}),
        ("x: int = 1", {"x: int = 2"}),
        ("x.a: int = y", {"pass"}),
        ("x.a = y", {"pass"}),
        ("x += y", {"pass"}),
        ("del x", {"pass"}),
        ("f()", {"pass"}),
        ("assert x > 1", set()),
        ("_logger.error('a text', x[:1])", {"pass", "_logger.error('a text')"}),
        ("x = f'{y:a}'", set()),
        ("TYPE_CHECKING = False", set()),
    ],
)
def test_changes_of_a_line(line, changed):
    assert changed_lines(f"{line}\n") == changed


def test_changes_of_statements():
    source = """
'''A docstring.'''
if TYPE_CHECKING:
    from a import b
else:
    a = 0

class A:
    '''Another.'''

    def f(self, x: int = 0, *, y=None) -> str:
        x = g()
        while x:
            try:
                continue
            except (A, B):
                break
            except C as error:
                raise D("text")
        if x == y:
            return None
        return x

async def g():
    pass
"""
    mutants = mutate_source("module.py", source)
    assert {(mutant.function, mutant.after) for mutant in mutants} == {
        ("", "a = 1"),
        ("A.f", "def f(self, x: int = 1, *, y=None) -> str:"),
        ("A.f", "pass"),
        ("A.f", "while not (x):"),
        ("A.f", "except (A):"),
        ("A.f", "except (B):"),
        ("A.f", "except ():"),
        ("A.f", "except () as error:"),
        ("A.f", "if x != y:"),
        ("A.f", "return None"),
    }
    assert [mutant.before for mutant in mutants if mutant.after == "pass"] == [
        "x = g()",
        "continue",
        "break",
        'raise D("text")',
    ]
    assert {mutant.lines.start for mutant in mutants if mutant.after.startswith("except")} == {16, 18}


def test_the_deployed_modules():
    modules = deployed_modules(ROOT / "fc_adapter")
    assert {"handler.py", "asgi/loop.py", "contract/rules.py"} < set(modules)
    assert not [name for name in modules if name.startswith(("runner", "project", "testing", "__main__"))]


def test_functions_that_differ():
    source = "A = 'a'\n\nclass B:\n    def f(self, x='b'):\n        return 'c'\n\ndef g():\n    return 'd'\n"
    for text, name in (("c", "f"), ("d", "g")):
        ((old, new),) = find_changes(source, source.replace(f"'{text}'", "'other'"))
        assert (old.co_name, new.co_name) == (name, name)
        assert text in old.co_consts
        assert "other" in new.co_consts
    for text in ("a", "b"):  # they are there once the module is imported
        assert find_changes(source, source.replace(f"'{text}'", "'other'")) is None


def test_the_fast_tests():
    files = fast_test_files(ROOT)
    assert {"tests/test_wsgi.py", "tests/asgi/test_loop.py", "tests/contract/test_request.py"} < set(files)
    assert {f"tests/test_{name}.py" for name in ALSO_FAST} < set(files)
    assert not [name for name in files if name.startswith(("tests/cli/", "tests/runner/", "tests/test_docs.py"))]
    for name in SLOW_TESTS:
        file, _, function = name.partition("::")
        assert file in files
        assert f"def {function}(" in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("key", EQUIVALENT, ids=lambda key: f"{key[0]}-{key[1]}")
def test_equivalent_mutants_are_of_lines_that_are_there(key):
    module, _, before, _ = key
    assert before in " ".join((ROOT / "fc_adapter" / module).read_text(encoding="utf-8").split())


def test_a_seed_is_a_sample():
    mutants = mutate_source("module.py", "x = [1, 2, 3, 4, 5, 6, 7, 8, 9]\n")

    def sample(*arguments):
        return [mutant.after for mutant in choose(mutants, parse_options(arguments), 1)]

    assert sample("--sample", "5") == sample("--sample", "5")
    assert len(set(sample("--sample", "5"))) == 5
    assert len(sample("--sample", "0")) == len(sample("--sample", "1000")) == len(mutants)
    assert sample("--module", "other.py") == []


def run(*arguments):
    command = [sys.executable, "-m", "tests.mutation", *arguments]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the tests below need none, and start sooner
    return subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False, timeout=200
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_what_lives_is_shown(tmp_path):
    (tmp_path / "fc_adapter").mkdir()
    (tmp_path / "fc_adapter" / "__init__.py").write_text("TABLE = {'a': 1, 'b': 2}\n")
    (tmp_path / "fc_adapter" / "numbers.py").write_text("def is_positive(number):\n    return number > 0\n")
    (tmp_path / "tests").mkdir()
    test = "from fc_adapter import TABLE\nfrom fc_adapter.numbers import is_positive\n\n\n"
    test += "def test_sign():\n    assert is_positive(1)\n    assert not is_positive(-1)\n\n\n"
    test += "def test_table():\n    assert TABLE['a'] == 1\n    assert 'b' in TABLE\n"
    test += "\n\ndef test_fails():\n    assert False\n"
    (tmp_path / "tests" / "test_numbers.py").write_text(test)
    ended = run("--root", str(tmp_path), "--sample", "0", "--seed", "1", "--min-score", "95")
    output = ended.stdout
    assert "9 mutants with the seed 1; 0 are equivalent" in output
    assert "numbers.py:2 is_positive\n    - return number > 0\n    + return number >= 0\n" in output
    assert "__init__.py:1\n    - TABLE = {'a': 1, 'b': 2}\n    + TABLE = {'a': 1, 'b': 3}\n" in output
    assert "Left out, since it fails without a mutant: tests/test_numbers.py::test_fails\n" in output
    assert "7 of 9 killed, 77.8 %, seed 1, in " in output
    assert ended.returncode == 1
    assert Path(tmp_path, "fc_adapter", "numbers.py").read_text().endswith("number > 0\n")


def test_module_that_is_not_deployed():
    assert run("--module", "cli/__init__.py").returncode == 1
