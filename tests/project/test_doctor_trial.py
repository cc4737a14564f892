"""``doctor`` runs the function once, as the platform would: what it finds in each step."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import pytest

from fc_adapter import project
from fc_adapter.project.findings import CHECKS
from tests.support.shop import APP

HANDLER = "def handler(event, context):\n    return {'statusCode': 200}\n\n\n"
HOOKS = "def initialize(context):\n    pass\n\n\ndef pre_stop(context):\n    pass\n\n\n"


@pytest.fixture
def run(shop, diagnose):
    """Write index.py and run doctor: ``(level, check, message)`` of each finding that counts, and its whole report."""

    def run(source, **props):
        shop.project.write({"index.py": source})
        shop.configure(**props)
        return diagnose(imports=True)

    return run


def note(report, check):
    (found,) = [each["message"] for each in report["findings"] if (each["level"], each["check"]) == ("note", check)]
    return found


def test_a_function_that_is_right(shop, diagnose):
    found, report = diagnose(imports=True)
    assert found == []
    assert note(report, "request").startswith("GET / is answered with 200, in 0.")


def test_the_environment_is_the_template_s_and_nothing_else(run, shop, monkeypatch):
    monkeypatch.setenv("ONLY_IN_THIS_SHELL", "x")
    source = "import json, os\nseen = dict(os.environ)\nassert seen['FC_FUNC_CODE_PATH'] == os.getcwd()\n"
    source += "assert seen['PYTHONPATH'] == os.getcwd() + '/python'\nassert seen['SECRET_KEY'] == \"the shell's\"\n"
    source += "assert 'ONLY_IN_THIS_SHELL' not in seen and seen['ALIBABA_CLOUD_ACCESS_KEY_ID']\n"
    assert run(source + HANDLER + HOOKS, role="acs:ram::1:role/fc")[0] == []
    (level, check, message), (_, other, _) = run("import os\nos.environ['ONLY_IN_THIS_SHELL']\n" + HANDLER + HOOKS)[0]
    assert (level, check, other) == ("error", "import", "environment")
    assert "KeyError: 'ONLY_IN_THIS_SHELL'" in message


def test_what_fcignore_leaves_out_is_not_there(run, shop):
    shop.project.write({".fcignore": ".env\n", ".env": "KEY=1\n"})
    ((_, check, message),), _ = run("open('.env')\n" + HANDLER + HOOKS)
    assert check == "import"
    assert "No such file or directory: '.env'" in message


FAILS = "index.initialize raises "
STEPS = [
    ("raise ValueError('no')", "error", "hooks", f"{FAILS}ValueError: no ("),
    ("raise ConnectionRefusedError(111, 'x')", "warning", "hooks", f"{FAILS}ConnectionRefusedError: [Errno 111] x ("),
    ("raise RuntimeError('Could not connect')", "warning", "hooks", f"{FAILS}RuntimeError: Could not connect ("),
    ("__import__('time').sleep(1.1)", "warning", "hooks", "index.initialize takes N s here, and may take 1 s"),
]


@pytest.mark.parametrize(("body", "level", "check", "message"), STEPS)
def test_a_hook_that_fails(run, body, level, check, message):
    timeouts = {"initializer": {"handler": "index.initialize", "timeout": 1}, "preStop": {"handler": "index.pre_stop"}}
    found, _ = run(HANDLER + HOOKS.replace("pass", body, 1), instanceLifecycleConfig=timeouts)
    found = [each for each in found if "may run" not in each[2]]
    assert [(each[0], each[1]) for each in found] == [(level, check)]
    assert re.sub(r"takes [1-9]\d*\.\d s", "takes N s", found[0][2]).startswith(message)


@pytest.mark.parametrize("where", ["import", "hooks"])
def test_the_line_is_the_project_s_own_where_a_package_raises(run, shop, where):
    shop.project.write({"python/strict.py": "def check():\n    raise ValueError('no')\n"})
    source = f"import strict\n{HANDLER}{HOOKS}".replace("pass", "strict.check()", 1)
    ((_, check, message),), _ = run(f"import strict\nstrict.check()\n{HANDLER}{HOOKS}" if where == "import" else source)
    line = 2 if where == "import" else source[: source.index("strict.check")].count("\n") + 1
    assert (check, message.endswith(f"ValueError: no ({shop.project.directory}/index.py, line {line})")) == (
        where,
        True,
    )


def test_the_line_is_the_project_s_own_where_temporary_files_are_elsewhere(run, shop, tmp_path, monkeypatch):
    directory = tmp_path / "临时 文件"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    ((_, check, message),), report = run("raise ValueError('no')\n" + HANDLER + HOOKS)
    assert (check, message.endswith(f"ValueError: no ({shop.project.directory}/index.py, line 1)")) == ("import", True)
    assert directory.name not in json.dumps(report, ensure_ascii=False)


def test_a_pre_stop_that_fails(run):
    ((level, check, message),), _ = run(HANDLER + HOOKS[::-1].replace("ssap", "x", 1)[::-1])
    assert (level, check) == ("warning", "hooks")
    assert message.startswith("index.pre_stop raises NameError: name 'x' is not defined (")


def test_what_the_app_has_raised(shop, diagnose):
    shop.project.write({"app.py": "def app(environ, start_response):\n    raise ValueError('no')\n"})
    assert diagnose(imports=True)[0] == [("error", "request", "GET / is answered with 500: ValueError: no")]


@pytest.mark.parametrize(
    ("body", "found", "said"),
    [
        ("raise ValueError('no')", ("error", "request"), "GET / raises ValueError: no ("),
        ("return {'statusCode': 502}", ("error", "request"), "GET / is answered with 502"),
        ("__import__('os')._exit(4)", ("error", "request"), "after its initializer the process ended with status 4"),
        ("return {'statusCode': 404}", None, "GET / is answered with 404"),
        ("return 'text'", None, ""),
    ],
)
def test_a_request(run, body, found, said):
    problems, report = run(HANDLER.replace("return {'statusCode': 200}", body) + HOOKS)
    assert [each[:2] for each in problems] == ([found] if found else [])
    assert any(each["message"].startswith(said) for each in report["findings"] if each["check"] == "request") == bool(
        said
    )


TIMER = {"triggerType": "timer", "triggerConfig": {"cronExpression": "@every 1h", "enable": True}}
POST = {"triggerType": "http", "triggerConfig": {"authType": "anonymous", "methods": ["POST"]}}


@pytest.mark.parametrize("trigger", [TIMER, POST], ids=["timer", "POST"])
def test_a_function_without_get(run, trigger):
    source = HANDLER.replace("return", "raise ValueError  #") + HOOKS
    found, report = run(source, triggers=[{"triggerName": "t", **trigger}])
    assert found == []
    assert "request" not in json.dumps(report)


def test_a_function_without_hooks_and_triggers(run):
    found, report = run(HANDLER, instanceLifecycleConfig=None, triggers=None)
    assert found == []
    assert note(report, "request")


def test_threads_that_go_on(run):
    source = "import threading, time\n\n\ndef poll():\n    time.sleep(60)\n\n\n"
    source += "threading.Thread(target=poll, name='poller', daemon=True).start()\n"
    source += "threading.Timer(60, print).start()\nthreading.Thread(target=int).start()\n"
    ((level, check, message),), _ = run(source + HANDLER + HOOKS)
    assert (level, check) == ("warning", "threads")
    assert message == "the thread poller goes on after the request (index.py, line 4)"


def test_files_beside_the_code(run):
    ((level, check, message),), _ = run("open('app.log', 'a').write('x')\n" + HANDLER + HOOKS)
    assert (level, check) == ("warning", "files")
    assert message == "the function writes files beside its code: app.log"


def test_nothing_is_left_of_it(shop, diagnose):
    before = shop.project.files()
    shop.project.write({"app.py": "import subprocess\nsubprocess.Popen(['sleep', '300'])\nopen('x', 'w')\n" + APP})
    diagnose(imports=True)
    assert shop.project.files() == before


def test_a_whole_traceback_and_checks_that_are_left_out(shop, command):
    shop.project.write({"app.py": "def broken():\n    raise ValueError('no')\n\n\nbroken()\n"})
    assert "raise ValueError" not in command("doctor")[1]
    out = command("doctor", "--verbose")[1]
    assert "\n  |     raise ValueError('no')\n" in out
    assert f'\n  |   File "{shop.project.directory}/app.py", line 2, in broken\n' in out
    status, out, _ = command("doctor", "--ignore", "import", "--ignore", "size")
    assert (status, out) == (0, "no errors, no warnings\n")


def test_checks_that_there_are_not(shop, command):
    prefix = "fc-adapter doctor: --ignore: there is no check "
    assert command("doctor", "--ignore", "import", "--ignore", "sise")[2] == f"{prefix}'sise'; did you mean size?\n"
    assert command("doctor", "--ignore", "x")[2].startswith(f"{prefix}'x'; the checks are: build, database, ")


def test_every_check_can_be_left_out():
    sources = [path.read_text(encoding="utf-8") for path in Path(project.__file__).parent.glob("*.py")]
    named = {name for text in sources for name in re.findall(r'"(?:error|warning|note)",?\s+"([a-z]+)"', text)}
    assert {"size", "import", "request", "files"} <= named - {"warning"} <= set(CHECKS)
    assert list(CHECKS) == sorted(CHECKS)
