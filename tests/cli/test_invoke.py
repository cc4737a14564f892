"""The commands, run as a user runs them: most in this process, the entry points in processes of their own."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
import time

import pytest

from fc_adapter import __version__
from fc_adapter.cli import run
from fc_adapter.runner.context import build_context
from tests.conftest import EVENTS

INDEX = """
import json
import os
import sys

import fc_adapter


def app(environ, start_response):
    print("printed by the app")
    path = environ["PATH_INFO"]
    if path == "/error":
        raise ValueError("broken on purpose")
    if path == "/exit":
        sys.exit(3)
    if path == "/png":
        start_response("200 OK", [("Content-Type", "image/png")])
        return [b"\\x89PNG\\r\\n\\xff"]
    if path == "/odd":
        start_response("299 Odd", [("Content-Type", "text/plain")])
        return [b""]
    start_response("200 OK", [("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    seen = {key: value for key, value in environ.items() if isinstance(value, str)}
    body = environ["wsgi.input"].read().decode("latin-1")
    return [json.dumps({**seen, "body": body, "cwd": os.getcwd()}).encode()]


handler = fc_adapter.wrap(app)
strict = fc_adapter.wrap(app, on_error="raise")
number = 7


def wsgi_by_another_name(e, s):
    s("200 OK", [])
    return []


def large(event, context):
    return {"statusCode": 200, "headers": {"X-Large": "x" * 9000}}


def raw(event, context):
    return b"\\xff\\xfe"


def odd_error(event, context):
    class Odd(Exception):
        def __str__(self):
            raise ValueError("cannot be shown")

    raise Odd("\\ud800")


def noisy(event, context):
    os.system("echo from a process")
    return "quiet"


async def lively(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("shut down")
        await send({"type": "lifespan." + os.environ.get("SHUTDOWN", "shutdown.complete")})
    else:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"lively"})


asgi = fc_adapter.wrap(lively)


def plain(event, context):
    return "plain text"


def binary(event, context):
    return {"statusCode": 200, "body": b"bytes"}


def who(event, context):
    context.logger.info("logged by the handler")
    return {"request_id": context.request_id, "handler": context.function.handler, "event": json.loads(event)}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A code directory with an index.py, which is also the current directory; undoes what a command changes."""
    (tmp_path / "index.py").write_text(INDEX)
    (tmp_path / "broken.py").write_text("import no_such_dependency\n")
    (tmp_path / "wrong_wrap.py").write_text("import fc_adapter\nhandler = fc_adapter.wrap('nowhere:app')\n")
    (tmp_path / "my-index.py").write_text("")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "entry.py").write_text("def handler(event, context):\n    return 'from a package'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield tmp_path
    root.handlers[:], root.level = handlers, level
    for name in {"index", "broken", "wrong_wrap", "package", "package.entry"} & set(sys.modules):
        del sys.modules[name]


@pytest.fixture
def command(project, capsysbinary):
    """Run a command in the project: ``(status, standard output, standard error)``."""

    def command(*arguments):
        try:
            status = run(arguments)
        except SystemExit as exit_:
            status = exit_.code
        out, err = capsysbinary.readouterr()
        return status, out.decode("utf-8", "surrogateescape"), err.decode()

    return command


def parse_output(out):
    head, _, body = out.partition("\n\n")
    status_line, *headers = head.split("\n")
    return status_line, dict(header.split(": ", 1) for header in headers), body


def test_invoke_prints_what_the_client_sees(command):
    status, out, err = command("invoke", "index:handler", "GET", "/你好?a=1&a=2")
    status_line, headers, body = parse_output(out)
    assert (status, status_line) == (0, "HTTP/1.1 200 OK")
    assert headers["Content-Type"] == "application/json"
    assert headers["Content-Length"] == str(len(body.encode()))
    assert headers["Content-Disposition"] == "attachment"
    assert headers["X-Fc-Request-Id"].startswith("1-")
    assert headers["Date"].endswith("GMT")
    assert [value for name, value in headers.items() if name.lower() == "set-cookie"] == ["a=1", "b=2"]
    seen = json.loads(body)
    assert seen["PATH_INFO"].encode("latin-1").decode() == "/你好"
    assert (seen["QUERY_STRING"], seen["REMOTE_ADDR"]) == ("a=1,2", "127.0.0.1")
    assert (seen["HTTP_HOST"], seen["HTTP_USER_AGENT"]) == ("localhost", f"fc-adapter/{__version__}")
    assert err == "printed by the app\n"


def test_custom_domain_forces_no_download(command):
    _, out, _ = command("invoke", "index:handler", "--custom-domain")
    assert "Content-Disposition" not in parse_output(out)[1]


@pytest.mark.parametrize(
    ("arguments", "method", "path"),
    [((), "GET", "/"), (("/x",), "GET", "/x"), (("DELETE",), "DELETE", "/"), (("PUT", "/y"), "PUT", "/y")],
)
def test_request_line_may_be_short(command, arguments, method, path):
    seen = json.loads(parse_output(command("invoke", "index:handler", *arguments)[1])[2])
    assert (seen["REQUEST_METHOD"], seen["PATH_INFO"]) == (method, path)


def test_data_is_a_form_like_curls(command):
    seen = json.loads(parse_output(command("invoke", "index:handler", "POST", "/", "-d", "a=你")[1])[2])
    assert (seen["CONTENT_TYPE"], seen["CONTENT_LENGTH"]) == ("application/x-www-form-urlencoded", "5")
    assert seen["body"].encode("latin-1").decode() == "a=你"


def test_headers_and_data_from_a_file(command, project):
    (project / "blob").write_bytes(b"\0\xff\n")
    arguments = ["POST", "/", "-H", "content-type: image/png", "-H", "X-A:1", "-H", "X-A: 2", "-H", "Host: h.example"]
    seen = json.loads(parse_output(command("invoke", "index:handler", *arguments, "-d", "@blob")[1])[2])
    assert (seen["CONTENT_TYPE"], seen["HTTP_X_A"], seen["HTTP_HOST"]) == ("image/png", "1,2", "h.example")
    assert seen["body"].encode("latin-1") == b"\0\xff\n"


def test_event_from_a_file(command):
    _, out, _ = command("invoke", "index:handler", "--event", str(EVENTS / "post_json.json"))
    assert json.loads(parse_output(out)[2])["body"].encode("latin-1").decode() == '{"message":"你好 FC!"}'


def test_event_from_standard_input(command, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((EVENTS / "get_no_body.json").read_bytes())))
    _, out, _ = command("invoke", "index:handler", "--event", "-")
    assert json.loads(parse_output(out)[2])["PATH_INFO"] == "/hello/world"


def test_result(command):
    status, out, _ = command("invoke", "index:handler", "--result")
    assert status == 0
    assert json.loads(out)["headers"]["Set-Cookie"] == "a=1"


def test_result_that_is_text(command):
    assert command("invoke", "index:plain", "--result")[:2] == (0, "plain text\n")
    assert parse_output(command("invoke", "index:plain")[1])[2] == "plain text"


def test_head_prints_no_body(command):
    status_line, headers, body = parse_output(command("invoke", "index:plain", "HEAD", "/")[1])
    assert (status_line, headers["Content-Length"], body) == ("HTTP/1.1 200 OK", "10", "")


def test_binary_body_is_kept(command):
    assert (
        parse_output(command("invoke", "index:handler", "/png")[1])[2].encode("utf-8", "surrogateescape")[-1:]
        == b"\xff"
    )


@pytest.mark.parametrize(
    ("path", "shown"), [("/png", "(7 bytes of binary; redirect the output to keep them)\n"), ("/odd", ""), ("/", "}\n")]
)
def test_a_terminal_gets_no_binary(command, monkeypatch, path, shown):
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda self: True, raising=False)
    assert parse_output(command("invoke", "index:handler", path)[1])[2].endswith(shown)


def test_status_without_a_name(command):
    assert parse_output(command("invoke", "index:handler", "/odd")[1])[0] == "HTTP/1.1 299"


def test_context(command):
    status, out, err = command("invoke", "index.who")
    seen = json.loads(parse_output(out)[2])
    assert (status, seen["handler"]) == (0, "index.who")
    assert seen["request_id"] == seen["event"]["requestContext"]["requestId"]
    assert err.endswith(f"Z {seen['request_id']} [INFO] logged by the handler\n")


def test_app_error_is_the_adapters_500(command):
    status, out, err = command("invoke", "index:handler", "/error")
    assert (status, parse_output(out)[0]) == (0, "HTTP/1.1 500 Internal Server Error")
    assert "[ERROR] request 1-" in err


def test_function_error(command, project):
    status, out, _ = command("invoke", "index:strict", "/error")
    error = json.loads(out)
    assert status == 1
    assert (error["errorMessage"], error["errorType"]) == ("broken on purpose", "ValueError")
    assert error["stackTrace"][-1] == [
        f'File "{project / "index.py"}"',
        "line 13",
        "in app",
        'raise ValueError("broken on purpose")',
    ]
    assert not any(re.search(r"fc_adapter.(runner|cli)", frame[0]) for frame in error["stackTrace"])


def test_invoke_ends_although_a_thread_does_not(tmp_path):
    (tmp_path / "index.py").write_text("""
import threading

import fc_adapter


def app(environ, start_response):
    threading.Thread(target=threading.Event().wait).start()
    start_response("204 No Content", [])
    return []


handler = fc_adapter.wrap(app, background_timeout=0.1)
""")
    command = [sys.executable, "-m", "fc_adapter", "invoke", "index:handler"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.startswith("HTTP/1.1 204 No Content")
    assert "has waited 0.1 s for background work" in ended.stderr


def test_result_that_is_not_json_is_a_function_error(command):
    status, out, _ = command("invoke", "index:binary")
    assert (status, json.loads(out)["errorType"]) == (1, "TypeError")


def test_exit_is_a_function_error_without_a_stack(command):
    status, out, _ = command("invoke", "index:handler", "/exit")
    message = "Process exited unexpectedly before completing request (SystemExit: 3)"
    assert (status, json.loads(out)) == (1, {"errorMessage": message})


def test_module_that_fails_to_import(command):
    status, out, _ = command("invoke", "broken:handler")
    error = json.loads(out)
    assert (status, error["errorType"]) == (1, "ImportModuleError")
    assert "no_such_dependency" in error["errorMessage"]
    assert [frame[1:3] for frame in error["stackTrace"]][-1] == ["line 1", "in <module>"]


def test_error_that_cannot_be_shown(command):
    error = json.loads(command("invoke", "index:odd_error")[1])
    assert (error["errorType"], error["errorMessage"]) == ("Odd", "(Odd, which cannot be shown)")


def test_modules_own_mistake_is_not_the_commands(command):
    status, out, _ = command("invoke", "wrong_wrap:handler")
    assert (status, json.loads(out)["errorType"]) == (1, "ImportModuleError")
    assert "cannot import 'nowhere:app'" in json.loads(out)["errorMessage"]


def test_wsgi_function_as_the_handler_gets_a_hint(command):
    status, out, err = command("invoke", "index:wsgi_by_another_name")
    assert (status, json.loads(out)["errorMessage"]) == (1, "'FCContext' object is not callable")
    assert "note: the handler seems to be a WSGI app; make one of it: handler = fc_adapter.wrap(app)" in err


@pytest.mark.parametrize("shutdown", ["shutdown.complete", "shutdown.failed"])
def test_lifespan_ends_before_the_result_is_printed(command, monkeypatch, shutdown):
    monkeypatch.setenv("SHUTDOWN", shutdown)
    status, out, err = command("invoke", "index:asgi")
    assert (status, parse_output(out)[2]) == (0, "lively")
    assert "shut down\n" in err


def test_options_before_the_request(command):
    for arguments in (["-H", "X-A: 1", "PUT", "/x"], ["PUT", "-H", "X-A: 1", "/x"], ["PUT", "/x", "-H", "X-A: 1"]):
        seen = json.loads(parse_output(command("invoke", "index:handler", *arguments)[1])[2])
        assert (seen["REQUEST_METHOD"], seen["PATH_INFO"], seen["HTTP_X_A"]) == ("PUT", "/x", "1")


def test_data_alone_makes_a_post(command):
    seen = json.loads(parse_output(command("invoke", "index:handler", "/x", "-d", "a=b")[1])[2])
    assert (seen["REQUEST_METHOD"], seen["PATH_INFO"]) == ("POST", "/x")


def test_what_the_gateway_refuses(command):
    status_line, _, body = parse_output(command("invoke", "index:handler", "GET", "/" + "x" * 5000)[1])
    assert (status_line, json.loads(body)["errorCode"]) == ("HTTP/1.1 400 Bad Request", "InvalidArgument")
    status_line, _, body = parse_output(command("invoke", "index:large")[1])
    assert (status_line, json.loads(body)["errorCode"]) == ("HTTP/1.1 502 Bad Gateway", "BadResponse")


def test_head_event_prints_no_body(command, project):
    (project / "head.json").write_text(command("event", "HEAD", "/")[1])
    assert parse_output(command("invoke", "index:plain", "--event", "head.json")[1])[2] == ""
    (project / "timer.json").write_text("{}")
    assert parse_output(command("invoke", "index:plain", "--event", "timer.json")[1])[2] == "plain text"


def test_result_that_is_no_text(command):
    assert command("invoke", "index:raw", "--result")[1] == "\\xff\\xfe\n"


@pytest.mark.parametrize("target", ["index:app", "index.app"])
def test_bare_app_is_wrapped_with_a_note(command, target):
    status, out, err = command("invoke", target)
    assert (status, parse_output(out)[0]) == (0, "HTTP/1.1 200 OK")
    assert err.startswith("note: index:app is a bare WSGI app, wrapped for this run")


@pytest.mark.parametrize(
    "target", ["package/entry.py:handler", "package/entry.handler", "package.entry:handler", "package/entry.py"]
)
def test_targets(command, target):
    assert parse_output(command("invoke", target)[1])[2] == "from a package"


def test_code_directory_is_the_current_directory(command, project, monkeypatch):
    outside = project.parent
    monkeypatch.chdir(outside)
    _, out, _ = command("invoke", f"{project.name}/index.py:handler")
    assert json.loads(parse_output(out)[2])["cwd"] == os.path.realpath(project)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["invoke"], "the following arguments are required: TARGET; see fc-adapter invoke --help"),
        (["invoke", "index"], "cannot load 'index': expected index:handler, index.handler or path/to/index.py:handler"),
        (["invoke", "index:"], "cannot load 'index:'"),
        (["invoke", "nowhere.py:handler"], "there is no file 'nowhere.py'"),
        (["invoke", "my-index.py:handler"], "'my-index' is not a valid Python module name; rename the file"),
        (["invoke", "nowhere/index.handler"], "no directory"),
        (["invoke", "index:handler", "GET", "x"], "the URL must begin with /, http:// or https://, got 'x'"),
        (["invoke", "index:handler", "GET", "http://[x"], "Invalid IPv6 URL"),
        (["invoke", "index:handler", "GET", "/", "-H", "nocolon"], "a header is written 'Name: value', got 'nocolon'"),
        (["invoke", "index:handler", "-H", ": v"], "a header is written 'Name: value'"),
        (["invoke", "index:handler", "-d", "@nowhere"], "cannot read 'nowhere': No such file or directory"),
        (["invoke", "index:handler", "--event", "nowhere"], "cannot read 'nowhere'"),
        (["invoke", "index:handler", "GET", "/", "--event", "-"], "give either --event or a request"),
        (["event", "GET"], "the following arguments are required: URL"),
        (["deploy"], "there is no command 'deploy'; see fc-adapter --help"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_wrong_usage_is_one_line(command, arguments, message):
    status, out, err = command(*arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert err.startswith("fc-adapter")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere:handler", "there is no module named 'nowhere' (looked from"),
        ("index:handle", "'index' has no 'handle'; it has: json, os, sys, fc_adapter, app, handler"),
        ("index:number", "index:number is of type int, which is no handler"),
    ],
)
def test_handler_that_is_not_there_fails_as_with_serve(command, target, message):
    status, out, err = command("invoke", target)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("fc-adapter invoke: ")
    assert message in err


def test_event_command(command):
    status, out, _ = command("event", "post", "https://h.example/a?x=1&x=2", "-d", "a=b", "-H", "Cookie: c=d")
    event = json.loads(out)
    assert status == 0
    assert event["rawPath"] == "/a"
    assert event["queryParameters"] == {"x": "1,2"}
    assert event["headers"]["Cookie"] == "c=d"
    assert (event["body"], event["isBase64Encoded"]) == ("YT1i", True)
    assert event["requestContext"]["domainName"] == "h.example"
    assert event["requestContext"]["http"]["method"] == "POST"
    assert abs(int(event["requestContext"]["timeEpoch"]) / 1000 - time.time()) < 60


def test_event_command_with_plain_text(command):
    event = json.loads(command("event", "GET", "/search?q=你好")[1])
    assert event["queryParameters"] == {"q": "你好"}


def test_interrupt(command, monkeypatch):
    def interrupt(text):
        raise KeyboardInterrupt

    monkeypatch.setattr("fc_adapter.cli.invoke.write_output", interrupt)
    assert command("event", "GET", "/") == (130, "", "fc-adapter event: interrupted\n")


def test_output_that_nobody_reads(tmp_path):
    (tmp_path / "large").write_bytes(bytes(1_000_000))
    arguments = [sys.executable, "-m", "fc_adapter", "event", "POST", "/", "-d", f"@{tmp_path / 'large'}"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a device that is always full")
@pytest.mark.parametrize(
    ("unbuffered", "arguments", "name"),
    [
        ("", ["event", "GET", "/"], " event"),
        ("1", ["event", "GET", "/"], " event"),
        ("", ["init", "--dry-run"], " init"),
        ("1", ["init", "--dry-run"], " init"),
        ("", ["--help"], ""),
    ],
)
def test_output_that_cannot_be_written(project, unbuffered, arguments, name):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fc_adapter", *arguments],
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (1, f"fc-adapter{name}: [Errno 28] No space left on device\n")


@pytest.mark.parametrize(
    ("arguments", "status", "out", "err"),
    [
        ("event GET / >&-", 1, "", "fc-adapter event: standard output is closed\n"),
        ("--help >&-", 1, "", "fc-adapter: standard output is closed\n"),
        ("event 2>&-", 2, "", ""),
        ("invoke index:plain -d @- <&- | tail -1", 0, "plain text", ""),
        ("invoke index:noisy 2>&- | tail -1", 0, "quiet", ""),
    ],
)
def test_standard_streams_that_are_closed(project, arguments, status, out, err):
    command = f'"{sys.executable}" -m fc_adapter {arguments}'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (status, out, err)


@pytest.mark.parametrize(
    ("python", "has", "has_not"),
    [((3, 10), {"credentials", "service"}, {"log_project"}), ((3, 12), {"log_project", "log_store"}, {"credentials"})],
)
def test_context_has_the_shape_of_its_runtime(python, has, has_not):
    context = build_context(request_id="1-a", handler="index.handler", runtime=python)
    assert has <= set(vars(context))
    assert not has_not & set(vars(context))
    assert hasattr(context.function, "qualifier") is (python >= (3, 12))
    with pytest.raises(TypeError, match="'FCContext' object is not callable"):
        context()
    assert repr(context).startswith("FCContext(function, request_id")


@pytest.mark.parametrize(
    "program", [[sys.executable, "-m", "fc_adapter"], [os.path.join(os.path.dirname(sys.executable), "fc-adapter")]]
)
def test_entry_points(project, program):
    version = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert version.stdout == f"fc-adapter {__version__}\n"
    wrong = subprocess.run([*program, "invoke", "index"], capture_output=True, text=True, check=False, timeout=60)
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)
    noisy = subprocess.run([*program, "invoke", "index.noisy"], capture_output=True, text=True, check=True, timeout=60)
    assert noisy.stdout.endswith("\n\nquiet")
    assert noisy.stderr == "from a process\n"
    right = subprocess.run([*program, "invoke", "index.plain"], capture_output=True, text=True, check=True, timeout=60)
    assert right.stdout.endswith("\n\nplain text")
