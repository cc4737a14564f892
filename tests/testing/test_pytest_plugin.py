"""The fixtures for pytest, in sessions of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ENTRY = """
import os, fc_adapter


def app(environ, start_response):
    if environ["PATH_INFO"] == "/fails":
        print("a line of the function's")
        start_response("500 Internal Server Error", [])
        return []
    seen = environ.get("HTTP_COOKIE", "seen=new").partition("=")[2]
    start_response("200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", "seen=1; Path=/")])
    return [f"{os.getpid()} {seen} {LOG}".encode()]


LOG = []
handler = fc_adapter.wrap(app)


def initialize(context):
    LOG.append("initialized")


def pre_stop(context):
    with open("stopped.txt", "a") as file:
        file.write(f"{LOG}")
"""

CLIENT = """
def test_first(fc_client):
    response = fc_client.get("/")
    assert response.text.split(" ", 1)[1] == "new ['initialized']"
    assert fc_client.get("/").text.split(" ", 1)[1] == "1 ['initialized']"
    assert response.event["rawPath"] == "/"


def test_second(fc_client):  # has its own cookies, and the same instance
    assert fc_client.get("/").text.split(" ", 1)[1] == "new ['initialized']"
"""

SERVER = """
import os
import urllib.request


def get(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def test_first(fc_server):
    pid, rest = get(fc_server.url).split(" ", 1)
    assert (int(pid) != os.getpid(), rest) == (True, "new ['initialized']")


def test_second(fc_server):
    assert get(fc_server.url + "/").split(" ", 1)[1] == "new ['initialized']"


def test_that_fails(fc_server):
    get(fc_server.url + "/fails")
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Run pytest in a directory with an ``index.py``, with this plugin alone, whether or not it is installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # others take longer to import than the tests to run
    pytester.makepyfile(index=ENTRY)

    def run(*arguments, **files):
        pytester.makepyfile(**files)
        options = ["-p", "fc_adapter.testing.pytest_plugin", "-p", "no:cacheprovider", "-W", "error"]
        return pytester.runpytest_subprocess(*options, *arguments)

    return run


def test_a_client_for_each_test_and_hooks_around_the_session(run, pytester):
    run(test_client=CLIENT).assert_outcomes(passed=2)
    assert Path(pytester.path, "stopped.txt").read_text() == "['initialized']"


def test_a_server_for_the_session(run, pytester):
    result = run(test_server=SERVER)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*INFO*fc_server:local.py*a line of the function's"])
    assert Path(pytester.path, "stopped.txt").read_text() == "['initialized']"


@pytest.mark.parametrize("given", ["option", "ini"])
def test_another_handler(run, pytester, given):
    pytester.mkdir("web").joinpath("entry.py").write_text("def answer(event, context):\n    return 'another'\n")
    test = "def test_it(fc_client):\n    assert fc_client.get('/').text == 'another'\n"
    if given == "ini":
        pytester.makeini("[pytest]\nfc_handler = web/entry.py:answer\n")
    arguments = ["--fc-handler", "web/entry.py:answer"] if given == "option" else []
    run(*arguments, test_it=test).assert_outcomes(passed=1)


def test_what_build_has_made_is_not_searched_for_tests(run, pytester):
    # As pydantic's annotated_types has one, which would put python/ in front of sys.path.
    package = pytester.mkdir("python").joinpath("package")
    package.mkdir()
    package.joinpath("__init__.py").touch()
    package.joinpath("test_cases.py").write_text("def test_case():\n    pass\n")
    test = "import os, sys\n\n\ndef test_it():\n    assert os.path.join(os.getcwd(), 'python') not in sys.path\n"
    run(test_it=test).assert_outcomes(passed=1, failed=1)
    package.with_name(".fc-adapter.json").write_text("{}")
    run(test_it=test).assert_outcomes(passed=1)


def test_a_handler_that_the_tests_make(run):
    source = """
import urllib.request
import pytest


@pytest.fixture(scope="session")
def fc_handler():
    return lambda event, context: "made here"


def test_client(fc_client):
    assert fc_client.get("/").text == "made here"


def test_server(fc_server):
    with urllib.request.urlopen(fc_server.url, timeout=30) as answer:
        assert answer.read() == b"made here"
"""
    run(test_made=source).assert_outcomes(passed=2)


@pytest.mark.parametrize("fixture", ["fc_client", "fc_server"])
def test_a_handler_that_is_not_there(run, fixture):
    result = run("--fc-handler", "nowhere:handler", test_it=f"def test_it({fixture}):\n    pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["E  *NotFoundError: cannot import 'nowhere:handler': there is no module named 'nowhere'"]
    )


def test_a_handler_that_an_instance_cannot_load(run, pytester):
    pytester.makepyfile(odd="import os\nassert 'FC_INSTANCE_ID' not in os.environ, 'deployed'\nhandler = print\n")
    result = run("--fc-handler", "odd:handler", test_it="def test_it(fc_server):\n    pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E  *ConfigError: cannot load odd.handler: *", "E  *AssertionError: deployed"])


def test_the_plugin_loads_little():
    program = (
        "import sys, pytest\nimport fc_adapter\nbefore = set(sys.modules)\nimport fc_adapter.testing.pytest_plugin\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["fc_adapter.testing", "fc_adapter.testing.pytest_plugin"]


def test_the_entry_point_of_the_wheel():
    pyproject = Path(__file__, "../../../pyproject.toml").resolve().read_text(encoding="utf-8")
    assert '[project.entry-points.pytest11]\nfc_adapter = "fc_adapter.testing.pytest_plugin"\n' in pyproject
