"""What went wrong, as the page's banner has it: the exception, the user's own line, the libraries' frames apart."""

from __future__ import annotations

import json
import sys
import threading
import traceback
from pathlib import Path

import pytest
from flask import Flask

import fc_adapter
from fc_adapter.config.function import Function
from fc_adapter.config.target import Target
from fc_adapter.inspector.failure import Code, Frame, describe_failure, parse_traces
from fc_adapter.inspector.history import History
from fc_adapter.inspector.masking import Masker
from tests.inspector.test_history import SMALL, log, make_exchange, run
from tests.support.inspecting import AuthorizedClient, Page, inspected
from tests.support.server import Server, wait_until


def price(item):
    return {"book": 12}[item]


def flask_app():
    app = Flask(__name__)

    @app.get("/price")
    def show_price():
        try:
            return price("pen")
        except KeyError as error:
            raise ValueError("没有这个商品") from error

    return app


def problem_of(subject, entry):
    return AuthorizedClient(subject.app).get(f"/api/invocations/{entry.request_id}").json["problem"]


def raising(event, context):
    raise ValueError("broken on purpose")


def test_error_of_a_function_and_its_line():
    with inspected(raising) as subject:
        problem = problem_of(subject, subject.send())
    assert (problem["kind"], problem["type"], problem["message"]) == ("error", "ValueError", "broken on purpose")
    assert problem["own"]["file"] == "tests/inspector/test_failure.py"
    assert (problem["own"]["name"], problem["own"]["code"]) == ("raising", 'raise ValueError("broken on purpose")')
    assert problem["causes"] == []


def test_what_a_framework_logs_before_its_500():
    handler = fc_adapter.wrap(flask_app())
    with inspected(handler) as subject:
        entry = subject.send("GET", "/price")
        assert problem_of(subject, entry) is None  # in this process the log goes to the terminal
    record = "2026-01-01T00:00:00.000Z a [ERROR] Exception on /price [GET]"
    lines = traceback_of(handler).splitlines()
    history = History(9)
    history.begin(make_exchange("a").request, "a")
    log(history, "FC Invoke Start RequestId: a", record, *lines, "2026-01-01T00:00:00.000Z a [INFO] then")
    history.end(make_exchange("a"))
    problem = describe_failure(history.find("a"), Code(Function(handler)), Masker([]))
    assert (problem["kind"], problem["type"], problem["message"]) == ("logged", "ValueError", "没有这个商品")
    assert problem["own"]["code"] == 'raise ValueError("没有这个商品") from error'
    assert {frame["library"] for frame in problem["frames"]} == {"flask", ""}
    [cause] = problem["causes"]
    assert (cause["type"], cause["message"], cause["own"]["name"]) == ("KeyError", "'pen'", "price")


def traceback_of(handler):
    app = flask_app()
    with app.test_request_context("/price"):
        try:
            app.dispatch_request()
        except ValueError:
            return traceback.format_exc()


def described(*lines, kind="result", data=SMALL, directory="/code", **options):
    """The problem of an invocation that logged ``lines``."""
    history = History(9)
    run(history, "a", kind=kind, data=data)
    log(history, "FC Invoke Start RequestId: a", *lines)
    function = Function(Target(Path(directory), "index", "handler"))
    return describe_failure(history.find("a"), Code(function), Masker(options.get("secrets", [])))


@pytest.mark.parametrize("frame", ['"/code/a\0.py", line 1', f'"/code/index.py", line {"9" * 5000}'])
def test_frames_that_there_cannot_be(frame):
    begin = "Traceback (most recent call last):"
    problem = described(begin, f"  File {frame}, in f", '  File "/code/index.py", line 7, in g', "ValueError: x")
    assert [(each["file"], each["line"]) for each in problem["frames"]] == [("index.py", 7)]


STOPPED = b'{"errorMessage": "the function ran longer than its timeout of 3 s"}'


def test_stack_of_what_was_stopped():
    problem = described(
        "Thread 0x00007f01 (most recent call first):",
        '  File "/usr/lib/python3.11/threading.py", line 331 in wait',
        "",
        "Current thread 0x00007f02 (most recent call first):",
        '  File "/code/python/requests/api.py", line 59 in request',
        '  File "/code/shop/pay.py", line 12 in pay',
        '  File "/code/index.py", line 7 in handler',
        "",
        "Thread 0x00007f03 (most recent call first):",
        f'  File "{threading.__file__}", line 331 in wait',
        kind="aborted",
        data=STOPPED,
    )
    assert (problem["kind"], problem["type"]) == ("stopped", "")
    assert problem["message"] == "the function ran longer than its timeout of 3 s"
    assert (problem["own"]["file"], problem["own"]["line"]) == ("shop/pay.py", 12)
    assert [frame["library"] for frame in problem["frames"]] == ["", "", "requests"]


def test_stack_that_the_runner_tells(tmp_path):
    """A real one: `runner.stacks` writes it."""
    (tmp_path / "index.py").write_text(
        "import time\n\ndef handler(event, context):\n    wait()\n\ndef wait():\n    time.sleep(60)\n"
    )
    with Server("index:handler", "--timeout", "1", cwd=tmp_path) as server:
        page = Page(server.wait_for(r"the inspector shows each request on (http://\S+)")[1])
        request_id = server.get("/").headers["X-Fc-Request-Id"]
        problem = wait_until(lambda: page.get(f"/api/invocations/{request_id}").json["problem"])
    assert (problem["kind"], problem["message"]) == ("stopped", "Function timed out after 1 seconds")
    assert problem["reason"] == {"key": "timeout", "values": {"seconds": "1"}}
    assert problem["own"] == {"file": "index.py", "line": 7, "name": "wait", "code": "time.sleep(60)", "library": ""}


def test_stopped_without_a_stack_and_in_libraries_alone():
    assert described("working", kind="aborted", data=STOPPED)["frames"] == []
    stack = ["Thread 0x1 (most recent call first):", f'  File "{threading.__file__}", line 331 in wait']
    [frame] = described(*stack, kind="aborted", data=STOPPED)["frames"]
    assert frame["library"] == "Python"


def test_nothing_went_wrong():
    assert described("fine") is None
    history = History(9)
    history.begin(make_exchange("a").request, "a")
    assert describe_failure(history.find("a"), Code(Function(raising)), Masker([])) is None


def test_group_of_exceptions():
    problem = described(
        "  + Exception Group Traceback (most recent call last):",
        '  |   File "/code/index.py", line 3, in handler',
        "  |     run()",
        "  | ExceptionGroup: several (1 sub-exception)",
        "  +-+---------------- 1 ----------------",
        "    | Traceback (most recent call last):",
        '    |   File "/code/shop.py", line 9, in run',
        "    |     return 1 / 0",
        "    |            ~~^~~",
        "    | ZeroDivisionError: division by zero",
        "    +------------------------------------",
    )
    assert (problem["type"], problem["message"]) == ("ZeroDivisionError", "division by zero")
    assert problem["own"] == {"file": "shop.py", "line": 9, "name": "run", "code": "return 1 / 0", "library": ""}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Traceback (most recent call last):"], []),
        (["Traceback (most recent call last):", "  no frame", "no: headline?", "x"], [("no", "headline?\nx")]),
        (["Traceback (most recent call last):", "- - -"], []),
        (["Traceback (most recent call last):", "a.B"], [("a.B", "")]),
        (["Traceback (most recent call last):", "E: 1", "2", "", "3"], [("E", "1\n2")]),
        (["Traceback (most recent call last):", "E: 1", "FC Invoke End RequestId: a"], [("E", "1")]),
        (["Traceback (most recent call last):", *["E: 1"] * 90], [("E", "1" + "\nE: 1" * 19)]),
    ],
)
def test_what_looks_like_a_traceback(lines, expected):
    assert [(trace.kind, trace.message) for trace in parse_traces(lines)] == expected


def test_error_of_syntax_has_no_function():
    [trace] = parse_traces(
        [
            "Traceback (most recent call last):",
            '  File "/code/a.py", line 2',
            "    x y",
            "      ^",
            "SyntaxError: invalid",
        ]
    )
    assert trace.frames == [Frame("/code/a.py", 2, "", "x y")]


def test_error_object_without_a_traceback():
    frame = ['File "/code/a.py"', "line 2", "in f", "g()"]
    error = {"errorMessage": "no", "errorType": "E", "stackTrace": [frame, []]}
    problem = described(kind="error", data=json.dumps(error).encode())
    assert (problem["type"], problem["own"]["file"], problem["own"]["code"]) == ("E", "a.py", "g()")
    error["stackTrace"] = [frame[:2]]
    assert described(kind="error", data=json.dumps(error).encode())["own"]["name"] == ""
    assert described(kind="error", data=b"no JSON")["message"] == "no JSON"


def test_line_of_the_cause_where_the_exception_has_none():
    problem = described(
        "Traceback (most recent call last):",
        '  File "/code/index.py", line 3, in run',
        "KeyError: 'x'",
        "During handling of the above exception, another exception occurred:",
        "",
        "Traceback (most recent call last):",
        '  File "/site-packages/jinja2/environment.py", line 1, in render',
        "UndefinedError: 'x' is undefined",
    )
    assert (problem["own"], problem["via"]["file"]) == (None, "index.py")
    assert problem["frames"][0]["library"] == "jinja2"


def test_secrets_are_masked():
    lines = ["Traceback (most recent call last):", '  File "/code/index.py", line 3, in run', "E: my-secret"]
    assert described(*lines, secrets=["my-secret"])["message"] == "•••"


def test_whose_code_it_is(tmp_path):
    code = Code(Function(Target(tmp_path, "index", "handler")))

    def library(path):
        return code.describe(Frame(str(path), 1, "f"))["library"]

    (tmp_path / "index.py").write_text("import shop\n")
    assert code.describe(Frame(str(tmp_path / "index.py"), 1, "f"))["code"] == "import shop"
    assert library(tmp_path / "lib" / "a.py") == ""
    assert library(tmp_path / "python" / "flask" / "app.py") == "flask"
    assert library(tmp_path / "python" / "six.py") == "six"
    assert library(tmp_path / "python.py") == ""
    assert library(tmp_path / ".venv" / "lib" / "site-packages" / "django" / "a.py") == "django"
    assert library("/usr/lib/python3/dist-packages/yaml/a.py") == "yaml"
    assert library(fc_adapter.__file__) == "fc_adapter"
    assert library("<frozen importlib._bootstrap>") == "Python"
    assert library(sys.modules["json"].__file__) == "Python"
    assert library("/elsewhere/tool.py") == "tool"
