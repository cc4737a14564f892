"""``fc-adapter serve`` as people use it: starting, stopping, its options and what it says."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from fc_adapter.cli import run
from fc_adapter.cli import serve as commands
from fc_adapter.runner.console import Console
from tests.support.server import PATIENCE, SOURCE, Server, is_running, state, wait_until


@pytest.mark.parametrize(
    ("number", "arguments"),
    [
        (signal.SIGINT, []),
        (signal.SIGTERM, []),
        (signal.SIGINT, ["--no-freeze"]),
        (signal.SIGINT, ["--in-process"]),
    ],
)
def test_ends_at_once_with_pre_stop_run(serve, number, arguments):
    server = serve(SOURCE, "index:handler", "--pre-stop", "index.pre_stop", *arguments)
    worker = server.get().json
    with server.connect():  # an open connection does not hold it up
        assert server.stop(number, patience=PATIENCE / 4) == 0
    assert not is_running(worker)
    assert "Traceback" not in server.log


def test_pre_stop_is_in_the_log(serve):
    server = serve(SOURCE, "index:handler", "--pre-stop", "index.pre_stop")
    server.stop()
    assert server.lines[-1] == "pre_stop ran"


def test_ends_while_a_request_runs(serve):
    server = serve(SOURCE, "index:handler", "--instances", "2")
    answers = []
    request = threading.Thread(target=lambda: answers.append(server.get("/slow")))
    request.start()
    server.wait_for("FC Invoke Start")
    workers = [*server.workers(), server.get().json]
    server.stop(patience=PATIENCE / 4)
    request.join()
    assert (answers[0].status, answers[0].json["errorCode"]) == (503, "ServiceUnavailable")
    server.wait_for(r"^GET /slow  503 .*\nThe runner was stopped while the function ran$")
    assert not any(map(is_running, workers))
    assert "Exception in thread" not in server.log


def is_listening(server):
    try:
        socket.create_connection(("127.0.0.1", server.port), PATIENCE).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("arguments", [[], ["--in-process"]])
def test_request_that_runs_comes_to_its_end(serve, tmp_path, arguments):
    source = (
        "import os, sys, time\n"
        "def handler(event, context):\n"
        "    print('waiting', file=sys.stderr)\n"
        "    while not os.path.exists('leave'): time.sleep(0.005)\n"
        "    return 'to its end'"
    )
    server = serve(source, "index:handler", *arguments)
    with ThreadPoolExecutor() as executor:
        answer = executor.submit(server.get)
        server.wait_for("waiting")
        server.process.terminate()
        wait_until(lambda: not is_listening(server))
        (tmp_path / "leave").touch()
        assert (answer.result().status, answer.result().text) == (200, "to its end")
    assert server.stop() == 0
    assert re.search("^GET /  200 ", server.log, re.MULTILINE)


def test_ends_while_the_function_is_loaded(serve, tmp_path):
    (tmp_path / "index.py").write_text("import time\nprint('loading')\ntime.sleep(200)")
    server = Server("index:handler", cwd=tmp_path, expect_start=False)
    server.wait_for("loading")
    [worker] = server.workers()
    assert server.stop() == 0
    assert not is_running(worker)


def test_second_ctrl_c_does_not_stop_the_end_half_way(serve):
    source = SOURCE + "    time.sleep(0.3)\n    print('to its end')"
    server = serve(source, "index:handler", "--pre-stop", "index.pre_stop")
    server.process.send_signal(signal.SIGINT)
    server.wait_for("pre_stop ran")
    assert server.stop() == 0
    assert server.lines[-1] == "to its end"


@pytest.mark.parametrize("case", ["frozen", "running", "busy"])
def test_kill_of_the_gateway_leaves_no_worker(serve, case):
    server = serve(SOURCE, "index:handler", *(["--no-freeze"] if case == "running" else []))
    worker = server.get().json
    if case == "frozen":
        wait_until(lambda: state(worker)[0] == "T")
    if case == "busy":
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        wait_until(lambda: server.log.count("FC Invoke Start") == 2)
        connection.close()
    server.process.kill()
    wait_until(lambda: not is_running(worker))


def test_line_that_says_where(serve):
    server = serve(SOURCE, "index:handler")
    line = r"^index\.handler \(python3\.\d+, 512 MB, 60 s\) is served on http://127\.0\.0\.1:\d+ until Ctrl-C$"
    assert any(re.fullmatch(line, each) for each in server.lines)
    assert "note" not in server.log


def run_serve(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "fc_adapter", "serve", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture
def project(tmp_path):
    (tmp_path / "index.py").write_text(SOURCE)
    return tmp_path


def test_port_in_use(project):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run_serve("index:handler", "--port", str(port), cwd=project)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"fc-adapter serve: cannot listen on 127.0.0.1:{port}: Address already in use; "
        "--port takes another, and --port 0 any free one\n"
    )


@pytest.mark.parametrize(
    ("source", "shown", "arguments"),
    [
        ("import no_such_dependency", "line 1, in <module>\n    import no_such_dependency\n  ModuleNotFoundError", []),
        ("import no_such_dependency", "line 1, in <module>\n    import no_such_dependency", ["--in-process"]),
        ("import sys\nsys.exit(3)", "before completing request (SystemExit: 3)", ["--in-process"]),
        ("x = 1 +", "SyntaxError: invalid syntax", []),
        ("x = 1", "'index' has no 'handler'; it has: x", []),
        ("import os\nos._exit(3)", "Process exited unexpectedly before completing request (exit status 3)", []),
    ],
)
def test_handler_that_cannot_be_imported(project, source, shown, arguments):
    (project / "index.py").write_text(source)
    ended = run_serve("index:handler", "--port", "0", *arguments, cwd=project)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == "fc-adapter serve: cannot import index.handler, see above"
    assert shown in ended.stderr
    assert not re.search(r"fc_adapter.(runner|cli)|env-file", ended.stderr)


def test_an_import_that_needs_what_an_unread_env_file_sets(project):
    (project / "index.py").write_text("import os\nos.environ['KEY']")
    (project / ".env").write_text("OTHER=1\n")
    ended = run_serve("index:handler", "--port", "0", cwd=project)
    assert "note: the function gets what .env sets only with the option --env-file .env\n" in ended.stderr
    ended = run_serve("index:handler", "--port", "0", "--env-file", ".env", cwd=project)
    assert (ended.returncode, "note:" in ended.stderr) == (1, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "x"], "argument --port: expected a port from 0 to 65535, got 'x'"),
        (["--port", "65536"], "argument --port: expected a port from 0 to 65535, got '65536'"),
        (["--timeout", "-1"], "argument --timeout: expected a number of seconds above 0, got '-1'"),
        (["--timeout", "nan"], "argument --timeout: expected a number of seconds above 0, got 'nan'"),
        (["--memory", "0"], "argument --memory: expected a whole number from 1 up, got '0'"),
        (["--instances", "1.5"], "argument --instances: expected a whole number from 1 up, got '1.5'"),
        (["--host", "256.1.1.1.invalid"], "cannot listen on 256.1.1.1.invalid:9000"),
        (["--record", "index.py"], "cannot record into 'index.py': File exists"),
        (["--in-process", "--reload"], "--reload starts new instances, and with --in-process there are none"),
        (["--check", "x"], "--check is a path such as /, got 'x'"),
        (["--open", "--check", "/"], "--open shows the inspector, which --check leaves out: choose one of them"),
        (["--open", "--no-inspect"], "--open shows the inspector, which --no-inspect leaves out"),
        (["--bogus"], "unrecognized arguments: --bogus"),
    ],
)
def test_wrong_options_are_one_line(project, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(project)
    assert_one_line(["serve", "index:handler", *arguments], message, capsys)


def assert_one_line(arguments, message, capsys):
    try:
        status = run(arguments)
    except SystemExit as exit_:
        status = exit_.code
    error = capsys.readouterr().err
    assert status == 2
    assert message in error
    assert error.startswith("fc-adapter")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PORT", "x", "FC_ADAPTER_PORT: expected a port from 0 to 65535, got 'x'"),
        ("IDLE_TIMEOUT", "0", "FC_ADAPTER_IDLE_TIMEOUT: expected a number of seconds above 0, got '0'"),
        ("NO_FREEZE", "maybe", "FC_ADAPTER_NO_FREEZE: expected 1 or 0, got 'maybe'"),
        ("ENV", "A", "--env is 'A', expected NAME=value"),
    ],
)
def test_wrong_variables_are_one_line(project, monkeypatch, capsys, variable, value, message):
    monkeypatch.chdir(project)
    monkeypatch.setenv(f"FC_ADAPTER_{variable}", value)
    assert_one_line(["serve", "index:handler"], message, capsys)


def test_variables_are_for_the_commands_that_have_such_options(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    monkeypatch.setenv("FC_ADAPTER_PORT", "x")
    assert run(["event", "GET", "/"]) == 0


def test_every_option_has_a_variable(project):
    source = "import os\ndef handler(e, c): return [c.function.memory, c.function.timeout, os.environ['A']]"
    (project / "index.py").write_text(source)
    environment = {
        "FC_ADAPTER_PORT": "0",
        "FC_ADAPTER_HOST": "localhost",
        "FC_ADAPTER_MEMORY": "300",
        "FC_ADAPTER_TIMEOUT": "7.5",
        "FC_ADAPTER_ENV": "A=variable",
        "FC_ADAPTER_CUSTOM_DOMAIN": "1",
        "FC_ADAPTER_RECORD": "records",
        "FC_ADAPTER_NO_FREEZE": "no",
        "FC_ADAPTER_HELP": "1",
    }
    with Server("index:handler", "--memory", "400", cwd=project, environment=environment) as server:
        answer = server.get()
    assert answer.json == [400, 7.5, "variable"]
    assert "Content-Disposition" not in answer.headers
    assert len(list((project / "records").iterdir())) == 1


@pytest.mark.parametrize(
    ("path", "status", "first"), [("/", 0, "HTTP/1.1 200 OK"), ("/error", 1, "HTTP/1.1 502 Bad Gateway")]
)
def test_check_shows_one_answer_and_ends(project, path, status, first):
    (project / "index.py").write_text("def handler(event, context): return 1 // (b'/error' not in event)")
    ended = run_serve("index:handler", "--port", "0", "--check", path, cwd=project)
    assert (ended.returncode, ended.stdout.splitlines()[0]) == (status, first)
    assert ended.stdout.splitlines()[-1] == ("Internal Server Error" if status else "1")
    assert f"GET {path}  " in ended.stderr


def test_check_takes_any_free_port_and_text_as_it_is_typed(project):
    (project / "index.py").write_text("import json\ndef handler(e, c): return json.loads(e)['queryParameters']")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # taken by somebody else already
            taken.bind(("127.0.0.1", 9000))
            taken.listen()
        ended = run_serve("index:handler", "--check", "/路?name=你 好&x=%41#part", cwd=project)
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, '{"name": "\\u4f60 \\u597d", "x": "A"}')
    assert re.search(r"is served on http://127\.0\.0\.1:\d+$", ended.stderr, re.MULTILINE)
    assert "Ctrl-C" not in ended.stderr


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("{'statusCode': 'x'}", "BadResponse: statusCode must be an integer from 100 to 999"),
        ("{'statusCode': 200, 'headers': {'X': 'x' * 9000}}", "BadResponse: response headers: 9037 bytes, the limit"),
        ("{'statusCode': 502, 'body': 'of the app'}", None),
        ("{'statusCode': 502, 'body': {'errorMessage': 'of the app'}}", None),
        ("{'statusCode': 400, 'body': {'errorCode': '', 'errorMessage': 'of the app'}}", None),
    ],
)
def test_reason_of_a_refused_result_is_on_the_terminal(project, source, line):
    (project / "index.py").write_text(f"def handler(event, context): return {source}")
    ended = run_serve("index:handler", "--check", "/", cwd=project)
    # The end of the invocation is written by another thread.
    *_, last = [each for each in ended.stderr.splitlines() if not each.startswith("FC Invoke ")]
    assert last.startswith("GET /  " if line is None else line)


def test_timeout_is_a_whole_number_where_it_is_one(project):
    (project / "index.py").write_text("def handler(event, context): return context.function.timeout")
    for given, got in (("3", "3"), ("2.5", "2.5")):
        ended = run_serve("index:handler", "--timeout", given, "--check", "/", cwd=project)
        assert ended.stdout.splitlines()[-1] == got


def test_opens_the_inspector(serve, tmp_path):
    (tmp_path / "browser.py").write_text("import pathlib, sys\npathlib.Path('opened').write_text(sys.argv[1])\n")
    environment = {"BROWSER": f"{shlex.quote(sys.executable)} {shlex.quote(str(tmp_path / 'browser.py'))} %s"}
    server = serve(SOURCE, "index:handler", "--open", "--inspect-port", "0", environment=environment)
    url = server.wait_for(r"^the inspector shows each request on (\S+)$")[1]
    opened = tmp_path / "opened"
    wait_until(lambda: opened.exists() and opened.read_text() == url)


def test_page_that_opens_is_no_note(monkeypatch):
    opened, said = [], io.StringIO()
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    with Console(said) as console:
        before = threading.enumerate()
        commands.open_page("http://127.0.0.1:9001/", console)
        for thread in set(threading.enumerate()) - {*before}:
            thread.join(PATIENCE)
    assert opened == ["http://127.0.0.1:9001/"]
    assert said.getvalue() == ""


def test_says_when_there_is_no_browser(serve):
    environment = {"BROWSER": "no-such-browser", "PATH": "", "DISPLAY": ""}
    server = serve(SOURCE, "index:handler", "--open", "--inspect-port", "0", environment=environment)
    server.wait_for("^note: there is no web browser that --open could start$")


def test_says_when_it_listens_for_everybody(serve):
    server = serve(SOURCE, "index:handler", "--host", "0.0.0.0")
    assert "note: listening on 0.0.0.0: whoever can reach this machine can call your function" in server.lines
    assert server.get().status == 200


READS_LIST = """
import fc_adapter, flask

app = flask.Flask(__name__)
app.add_url_rule("/", view_func=lambda: flask.request.args.getlist("tag"))
handler = fc_adapter.wrap(app)
"""


def test_says_once_that_a_list_is_joined_which_the_code_reads_by_hand(serve):
    server = serve(READS_LIST, "index:handler")
    assert server.get("/?tag=a&other=1&other=2").json == ["a"]
    assert server.get("/?tag=a,b").json == ["a,b"]
    assert "note" not in server.log
    for _ in range(2):
        assert server.get("/?tag=a&tag=b&other=1").json == ["a,b"]
    note = (
        "note: ?tag=a&tag=b has reached the function as tag=a,b, as on the platform, and the code reads it as a list: "
    )
    server.wait_for(re.escape(note + "wrap(app, split_query=['tag'])"))
    assert server.get("/?tag=a&tag=b").json == ["a,b"]
    server.stop()
    assert server.log.count(note) == 1


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_ipv6(tmp_path):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:  # pragma: no cover - machines differ
        pytest.skip("no IPv6 here")
    (tmp_path / "index.py").write_text(SOURCE)
    with Server("index:handler", "--host", "::1", cwd=tmp_path) as server:
        assert f"http://[::1]:{server.port}" in server.log
        assert "note" not in server.log
        with socket.create_connection(("::1", server.port)) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_system_that_cannot_freeze_says_so_once(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    monkeypatch.setattr(commands, "CAN_FREEZE", False)
    monkeypatch.setattr(commands, "time", _Interrupted)
    monkeypatch.setattr(commands, "on_termination", lambda action: None)
    assert run(["serve", "index:handler", "--port", "0"]) == 0
    note = "note: this system cannot stop a process, so instances are not frozen between requests"
    assert capsys.readouterr().err.count(note) == 1


class _Interrupted:
    """A clock at which Ctrl-C comes at once."""

    @staticmethod
    def sleep(seconds):
        raise KeyboardInterrupt


@contextlib.contextmanager
def ending(process):
    """Kill a process that a failing test has left running."""
    try:
        yield
    finally:
        process.kill()


def test_ctrl_c_that_is_switched_off_stays_so(project):
    program = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); import fc_adapter.__main__ as m; m.main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "serve", "index:handler", "--port", "0"],
        cwd=project,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process, ending(process):
        while "is served on" not in (line := process.stderr.readline()):
            pass
        url = re.search(r"http://[\w.:]+", line)[0]
        process.send_signal(signal.SIGINT)
        # Were it on its way out, it would take no further connection while the first request starts an instance.
        for _ in range(5):
            with urllib.request.urlopen(url, timeout=PATIENCE) as response:
                assert response.status == 200
        assert process.poll() is None
        process.terminate()
        assert process.wait(PATIENCE) == 0
