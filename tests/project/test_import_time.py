"""How long an import takes, in a process of its own."""

from __future__ import annotations

import importlib.util
import py_compile
import sys

import pytest

from fc_adapter.project import import_time
from fc_adapter.project.import_time import measure_import
from tests.support.server import is_running, wait_until


@pytest.fixture
def measure(project):
    return lambda: measure_import(sys.executable, [project.directory], "index", {"LEVEL": "3"})


def test_what_it_takes_and_what_it_goes_into(project, measure):
    project.write(
        {
            "index.py": "import os\nimport shop.web\nassert os.environ['LEVEL'] == '3'\nprint('noise')\n",
            "shop/__init__.py": "",
            "shop/web.py": "import time\ntime.sleep(0.05)\n",
        }
    )
    found = measure()
    assert found.problem == ""
    assert 0.05 <= found.with_bytecode < found.without + 0.05
    assert found.shares[0].name == "shop"
    assert found.shares[0].seconds >= 0.05
    assert {share.name: share.modules for share in found.shares} == {"shop": 2, "index": 1}
    assert project.files() == ["index.py", "shop/__init__.py", "shop/web.py"]


def test_bytecode_is_used_with_it_and_not_without(project, measure):
    # Bytecode of another source shows which of the two was run.
    path = project.directory / "index.py"
    project.write({"index.py": "pass\n"})
    cached = importlib.util.cache_from_source(str(path))
    py_compile.compile(str(path), cached, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    project.write({"index.py": "with open('source', 'a') as file: file.write('.')\n"})
    assert measure().problem == ""
    assert project.read("source") == "..."


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import os\nos._exit(3)\n", "the process ended with status 3"),
        ("import time\ntime.sleep(60)\n", "it takes more than 0.3 s"),
        ("raise SystemExit('no')\n", "SystemExit: no"),
    ],
)
def test_an_import_that_fails(project, measure, monkeypatch, source, problem):
    monkeypatch.setattr(import_time, "_TIMEOUT", 0.3 if "sleep" in source else 60)
    project.write({"index.py": source})
    assert measure().problem == problem


def test_a_slow_import_is_taken_once(project, measure, monkeypatch):
    monkeypatch.setattr(import_time, "_ENOUGH", 0)
    project.write({"index.py": "with open('count', 'a') as file: file.write('.')\n"})
    assert measure().problem == ""
    # Once to read the files, once with bytecode and once without, and once to see what it goes into.
    assert project.read("count") == "...."


def test_what_an_import_starts_is_not_waited_for_and_ends_with_it(project, measure):
    project.write(
        {
            "index.py": "import subprocess\nprocess = subprocess.Popen(['sleep', '120'])\n"
            "with open('pids', 'a') as file: print(process.pid, file=file)\n"
        }
    )
    assert measure().problem == ""
    pids = project.read("pids").split()
    assert len(pids) > 3
    wait_until(lambda: not any(map(is_running, map(int, pids))))
