"""What a cold start loads, read in fresh interpreters."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "fc_adapter"


def loaded_by(code):
    """The modules that ``code`` adds to an interpreter that has what the platform's runtime has."""
    program = (
        f"import sys, json, logging\nbefore = set(sys.modules)\n{code}\nprint(json.dumps([*set(sys.modules) - before]))"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(output.stdout))


def test_wrapping_a_wsgi_app_loads_this_package_and_hardly_more():
    loaded = loaded_by("import fc_adapter\nfc_adapter.wrap(lambda environ, start_response: [])")
    ours = {name for name in loaded if name.partition(".")[0] == "fc_adapter"}
    assert loaded - ours <= {"binascii", "__future__"}
    assert {name for name in ours if name.startswith(("fc_adapter.flush", "fc_adapter.runner"))} == set()


def test_a_request_to_a_wsgi_app_without_threads_loads_nothing_for_them():
    served = loaded_by(
        "import fc_adapter\n"
        "handler = fc_adapter.wrap(lambda environ, start_response: [start_response('200 OK', [])] and [])\n"
        "handler({'rawPath': '/', 'requestContext': {'http': {'method': 'GET'}}})"
    )
    assert not {"fc_adapter.background", "fc_adapter.threads", "fc_adapter.detach"} & served


def test_wrapping_an_asgi_app_loads_neither_werkzeug_nor_a2wsgi():
    code = "import starlette.applications as web\nimport fc_adapter\nhandler = fc_adapter.wrap(web.Starlette())"
    loaded = loaded_by(f"{code}\nhandler({{'rawPath': '/', 'requestContext': {{'http': {{'method': 'GET'}}}}}})")
    assert "fc_adapter.asgi" in loaded
    assert not {"werkzeug", "a2wsgi", "asgiref", "fc_adapter.wsgi", "fc_adapter.runner", "fc_adapter.logs"} & loaded


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{}", set()),
        ("{'tag': 'a,b'}", {"fc_adapter.lists", "fc_adapter.lists.fields", "fc_adapter.lists.starlette"}),
    ],
)
def test_declared_lists_are_looked_for_once_there_is_a_comma(query, expected):
    code = "import fastapi, fc_adapter\napp = fastapi.FastAPI()\nhandler = fc_adapter.wrap(app)\n"
    event = f"{{'rawPath': '/', 'queryParameters': {query}, 'requestContext': {{'http': {{'method': 'GET'}}}}}}"
    loaded = loaded_by(f"{code}handler({event})")
    assert {name for name in loaded if name.startswith("fc_adapter.lists")} == expected
    assert not {"django", "litestar"} & loaded


def test_pybase64_is_loaded_for_a_large_body_only():
    code = "from fc_adapter.contract.base64 import encode_base64\nencode_base64(bytes({}))"
    assert "pybase64" not in loaded_by(code.format(60_000))
    assert "pybase64" in loaded_by(code.format(70_000))


def imported_by(path):
    """What a module imports, relative imports of this package as ``.name``."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imported.add("." * node.level + (node.module or ""))
    return imported


def test_only_the_command_line_imports_what_is_for_the_developers_machine():
    local = {"cli", "config", "runner", "inspector", "probe", "project", "terminal", "terminal.py", "testing"}
    outside = [path for path in PACKAGE.rglob("*.py") if not local & set(path.relative_to(PACKAGE).parts)]
    importers = [path.name for path in outside if any(local & set(name.split(".")) for name in imported_by(path))]
    assert importers == ["__main__.py"]


# The rooms for the developer's machine, and which of them each may import.
ROOMS = {
    "config": set(),
    "runner": {"config"},
    "inspector": {"config", "runner"},
    "project": {"config", "runner"},
    "testing": {"config", "runner"},
    "probe": {"config", "runner"},
    "cli": {"config", "runner", "inspector", "project", "probe"},
}


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_run_down_only(room):
    imported = {
        name.strip(".").partition(".")[0]
        for path in PACKAGE.joinpath(room).glob("*.py")
        for name in imported_by(path)
        if name.startswith("..")
    }
    assert imported & set(ROOMS) <= ROOMS[room]


@pytest.mark.parametrize("page", ["docs/deploy.md", "docs/zh-CN/deploy.md"])
def test_pages_name_all_that_a_small_archive_can_leave_out(page):
    lines = (PACKAGE.parent / page).read_text(encoding="utf-8").splitlines()
    [row] = [line for line in lines if line.startswith("| ") and "a2wsgi" in line]
    assert set(re.findall("`([^`]+)`", row)) == {*ROOMS, "terminal.py"}


def test_reading_a_command_line_loads_no_command():
    loaded = loaded_by("import fc_adapter.cli")
    assert "fc_adapter.cli.parser" in loaded
    assert not {"packaging", "werkzeug", "yaml", "fc_adapter.cli.serve", "fc_adapter.project"} & loaded


PACKAGES = [path.parent for path in PACKAGE.rglob("*/__init__.py")]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_says_first_what_its_modules_are_for(package):
    said = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8")))
    modules = {path.stem for path in package.glob("*.py")} - {"__init__"}
    assert {module for module in modules if f"``{module}``" not in said} == set()


CORE = [PACKAGE / "errors.py", PACKAGE / "messages.py", *sorted((PACKAGE / "contract").glob("*.py"))]


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_the_core_imports_only_the_standard_library_and_nothing_slow(path):
    imported = {name for name in imported_by(path) if not name.startswith(".")}
    # `typing` and `collections.abc` are for type checkers; the others inside functions, where they are needed.
    lazily = {"typing", "collections.abc", "urllib.parse", "time", "base64", "http", "email.utils", "pybase64"}
    assert imported - lazily <= {"__future__", "binascii", "collections", "json", "sys"}


def test_modules_that_are_looked_up_by_name_exist():
    found = [
        (".".join(("fc_adapter", *path.parent.relative_to(PACKAGE).parts, name)), path.name)
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r'f"\{__package__\}\.([\w.]+)"', path.read_text("utf-8"))
    ]
    assert ("fc_adapter.asgi.tasks", "detach.py") in found
    assert [each for each in found if importlib.util.find_spec(each[0]) is None] == []
