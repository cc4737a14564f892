"""Instances: what a function finds in its process, and what becomes of one that fails or stands still."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from fc_adapter.config.function import Function
from fc_adapter.config.runtimes import RUNTIMES
from fc_adapter.config.target import Target
from fc_adapter.runner import instance as instance_module
from fc_adapter.runner.instance import CAN_FREEZE, Instance
from tests.support.server import state, wait_until

SURROUNDINGS = """
import json, logging, os, sys

print("printed at import")


def handler(event, context):
    path = json.loads(event)["rawPath"]
    if path == "/context":
        shape = {name: vars(value) if hasattr(value, "__dict__") else value for name, value in vars(context).items()}
        return json.dumps(shape, default=str)
    if path == "/log":
        print("你好")
        print("to standard error", file=sys.stderr)
        sys.stdout.write("no line")
        sys.stdout.write(" break\\n")
        os.write(1, b"to descriptor 1 \\xff\\n")
        logging.getLogger().debug("a detail")
        logging.getLogger("some.module").info("a message")
        context.logger.warning("a warning")
        print("x" * 200_000)
        return sys.stdin.read()
    return {"environment": dict(os.environ), "cwd": os.getcwd(), "path": sys.path, "pid": os.getpid()}
"""


@pytest.fixture(scope="module")
def surroundings(module_servers):
    return module_servers(SURROUNDINGS, "index:handler", "--memory", "256", "--runtime", "python3.10")


def test_environment(surroundings):
    seen = surroundings.get().json
    environment = seen["environment"]
    assert environment["FC_FUNC_CODE_PATH"] == seen["cwd"] == seen["path"][0]
    assert "" not in seen["path"]
    assert environment["FC_FUNCTION_HANDLER"] == "index.handler"
    assert environment["FC_FUNCTION_NAME"] == "local"
    assert environment["FC_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["FC_REGION"] == "cn-hangzhou"
    assert environment["FC_ACCOUNT_ID"] == "123456"
    assert environment["FC_FUNCTION_VERSION"] == "LATEST"
    surroundings.wait_for(rf"^GET /  200  .*{environment['FC_INSTANCE_ID']}  1-")


def test_log(surroundings):
    since = len(surroundings.lines)
    answer = surroundings.get("/log")
    assert answer.body == b""
    request_id = answer.headers["X-Fc-Request-Id"]
    surroundings.wait_for(f"^FC Invoke End RequestId: {request_id}$", since)
    start = surroundings.lines.index(f"FC Invoke Start RequestId: {request_id}", since)
    lines = surroundings.lines[start:]
    assert lines[1:5] == ["你好", "to standard error", "no line break", "to descriptor 1 \\xff"]
    stamp = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
    surroundings.wait_for(rf"{stamp}{request_id} \[INFO\] a message$", since)
    surroundings.wait_for(rf"{stamp}{request_id} \[WARNING\] a warning$", since)
    assert "a detail" not in surroundings.log
    assert sum(line.count("x") for line in lines if not line.strip("x")) == 200_000
    assert "printed at import" in surroundings.lines


def test_context_of_python3_10(surroundings):
    answer = surroundings.get("/context")
    seen = answer.json
    assert seen["request_id"] == answer.headers["X-Fc-Request-Id"]
    assert seen["function"] == {"name": "local", "handler": "index.handler", "memory": 256, "timeout": 60}
    assert {"credentials", "service"} <= set(seen)
    if sys.version_info[:2] != (3, 10):  # pragma: no cover - any version but one
        here = "python{}.{}".format(*sys.version_info)
        assert f"note: this is {here}, and the function is configured for python3.10: " in surroundings.log


def test_context_of_python3_12_and_python3_9(serve):
    seen = serve(SURROUNDINGS, "index:handler", "--runtime", "python3.12", "--timeout", "7").get("/context").json
    assert {"log_project", "log_store"} <= set(seen)
    assert not {"credentials", "service"} & set(seen)
    assert seen["function"]["version_id"] == ""
    assert (seen["function"]["qualifier"], seen["function"]["timeout"]) == ("LATEST", 7)
    server = serve(None, "index:handler", "--runtime", "python3.9", environment={"ALIBABA_CLOUD_ACCESS_KEY_ID": "key"})
    assert server.get("/context").json["credentials"]["access_key_id"] == "key"


def test_own_environment(serve, tmp_path):
    (tmp_path / "variables").write_text("# comment\n\nA=file\nexport B=\"quoted # kept\"\nC='x'\nD=a=b\nE=\n")
    arguments = ["--env-file", "variables", "--env", "A=option", "--env", "FC_REGION=eu"]
    seen = serve(SURROUNDINGS, "index:handler", *arguments, environment={"INHERITED": "yes"}).get().json["environment"]
    assert [seen[name] for name in "ABCDE"] == ["option", "quoted # kept", "x", "a=b", ""]
    assert (seen["INHERITED"], seen["FC_REGION"]) == ("yes", "eu")


def test_python_path_on_the_platform(serve, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "vendored.py").write_text("name = 'from the library'")
    source = "import os\ndef handler(e, c):\n    import vendored\n    return [vendored.name, os.environ['PYTHONPATH']]"
    here = "python{}.{}".format(*sys.version_info)
    runtime = here if here in RUNTIMES else "python3.10"
    (tmp_path / "s.yaml").write_text(
        f"resources: {{f: {{component: fc3, props: {{runtime: {runtime}, handler: index.handler, "
        "environmentVariables: {PYTHONPATH: '/code/lib:/code'}}}}"
    )
    server = serve(source)
    if here == runtime:  # pragma: no cover - the platform has some of the Pythons
        assert server.get().json == ["from the library", f"{tmp_path / 'lib'}:{tmp_path}"]
    else:  # pragma: no cover - and not the others
        server.wait_for("^note: PYTHONPATH=/code/lib:/code is left out: those packages are built for Python 3.10 on ")


def test_code_directory(serve, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "main.py").write_text(SURROUNDINGS)
    seen = serve(None, "code/main.py:handler").get().json
    assert seen["cwd"] == seen["path"][0] == str(tmp_path / "code")


def test_modules_of_the_function_do_not_get_into_the_runner(serve, tmp_path):
    (tmp_path / "code").mkdir()
    for name in ("queue", "pickle", "logging", "json", "traceback", "secrets"):
        (tmp_path / "code" / f"{name}.py").write_text("raise RuntimeError('shadowed')")
    (tmp_path / "code" / "index.py").write_text("def handler(event, context): return 'fine'")
    assert serve(None, "code/index.py:handler").get().text == "fine"


COUNTING = """
import json, threading, time

count = 0
ticks = open("ticks", "ab", buffering=0)


def run():
    global count
    while True:
        ticks.write(b".")
        count += 1
        time.sleep(0.001)


threading.Thread(target=run, daemon=True).start()


def handler(event, context):
    before = count
    while json.loads(event)["rawPath"] == "/wait" and count < before + 20:
        time.sleep(0.005)
    return count
"""


@pytest.mark.skipif(not CAN_FREEZE, reason="no SIGSTOP")
def test_frozen_instance_stands_still(serve, tmp_path):
    server = serve(COUNTING, "index:handler")
    assert server.get().json > 0
    [worker] = server.workers()
    threads = Path(f"/proc/{worker}/task")
    wait_until(lambda: {state(f"{worker}/task/{thread.name}")[0] for thread in threads.iterdir()} == {"T"})
    before = (tmp_path / "ticks").stat().st_size
    time.sleep(0.1)
    assert (tmp_path / "ticks").stat().st_size == before
    assert server.get("/wait").json >= before + 20


def test_without_freezing_it_runs_on(serve):
    server = serve(COUNTING, "index:handler", "--no-freeze")
    before = server.get().json
    [worker] = server.workers()
    wait_until(lambda: server.get().json > before + 50)
    assert state(worker)[0] != "T"


CONCURRENT = """
import json, os, time


def handler(event, context):
    began = time.time()
    time.sleep(float(json.loads(event)["queryParameters"].get("seconds", 0)))
    return [os.getpid(), began, time.time()]
"""


def ask_at_once(server, number, path):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(server.get(path).json)) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(answers, key=lambda answer: answer[1])


def test_one_request_at_a_time(serve):
    answers = ask_at_once(serve(CONCURRENT, "index:handler", "--instances", "1"), 4, "/?seconds=0.02")
    assert len({pid for pid, _, _ in answers}) == 1
    for (_, _, ended), (_, began, _) in zip(answers, answers[1:]):
        assert ended <= began


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [(["--instances", "1"], "allow more: --instances"), (["--in-process"], "with --in-process there is only one")],
)
def test_line_tells_how_long_a_request_waited(serve, tmp_path, arguments, advice):
    source = """
import os, time


def handler(event, context):
    while not os.path.exists("go"):
        time.sleep(0.005)
    time.sleep(0.1)
"""
    server = serve(source, "index:handler", "--no-inspect", *arguments)
    threads = Path(f"/proc/{server.process.pid}/task")
    before = len(list(threads.iterdir()))
    with ThreadPoolExecutor() as clients:
        for _ in range(3):
            clients.submit(server.get)
        wait_until(lambda: len(list(threads.iterdir())) >= before + 3, "a thread for each connection")
        time.sleep(0.2)
        (tmp_path / "go").touch()
    wait_until(lambda: server.log.count("GET /") == 3)
    waited = sorted(map(int, re.findall(r"^GET /.*  \d+ ms  waited (\d+) ms  ", server.log, re.MULTILINE)))
    assert len(waited) == 2
    assert waited[0] >= 50
    assert waited[1] >= 150
    assert re.findall("^note: .*", server.log, re.MULTILINE) == [
        f"note: this request waited {waited[0]} ms, since all instances were busy. The platform would have started "
        f"another; {advice}"
    ]


def test_function_that_calls_itself(serve):
    source = """
import json, urllib.request


def handler(event, context):
    event = json.loads(event)
    if event["rawPath"] == "/inner":
        return "inner"
    with urllib.request.urlopen(f"http://{event['headers']['Host']}/inner") as response:
        return "outer and " + response.read().decode()
"""
    server = serve(source, "index:handler")
    assert server.get().text == "outer and inner"
    assert len(server.workers()) == 2
    assert "waited" not in server.log


def test_function_that_waits_for_itself_is_told_why(serve):
    source = """
import json, urllib.request


def handler(event, context):
    url = f"http://{json.loads(event)['headers']['Host']}/inner"
    return urllib.request.urlopen(url).read().decode()
"""
    server = serve(source, "index:handler", "--instances", "1", "--timeout", "1")
    assert server.get().status == 502
    server.wait_for(
        r"^GET /inner  503  \d+ ms  waited \d{3,} ms  -  1-.*\nThe client left before its turn came\nnote: "
    )


def test_instances_scale_out(serve):
    source = """
import os, time


def handler(event, context):
    with open(f"at-{os.getpid()}", "w"):
        pass
    while len([name for name in os.listdir() if name.startswith("at-")]) < 3:
        time.sleep(0.005)
    return [os.getpid(), time.time()]
"""
    server = serve(source, "index:handler", "--instances", "3")
    assert len(server.workers()) == 1
    answers = ask_at_once(server, 6, "/")
    assert len({pid for pid, _ in answers}) == 3 == len(server.workers())
    wait_until(lambda: server.log.count("cold start") == 3)


def test_handler_that_knows_nothing_of_this_package(serve):
    source = "def handler(event, context):\n    import sys\n    return 'fc_adapter.wsgi' in sys.modules"
    assert serve(source, "index.handler").get().text == "false"


@pytest.mark.parametrize(
    ("source", "interface"),
    [
        ("import flask\napp = flask.Flask(__name__)\n@app.get('/')\ndef home(): return 'home'", "WSGI"),
        ("import fastapi\napp = fastapi.FastAPI()\n@app.get('/')\ndef home(): return 'home'", "ASGI"),
    ],
)
def test_bare_app_is_wrapped_with_a_note(serve, source, interface):
    server = serve(source, "index:app")
    assert "home" in server.get().text
    assert f"note: index:app is a bare {interface} app, wrapped for this run; to deploy it, write" in server.log


def test_wrapped_app_has_finished_its_background_work(serve):
    server = serve(
        """
import asyncio
import fc_adapter

done = []


async def app(scope, receive, send):
    async def later():
        await asyncio.sleep(0.05)
        done.append(scope["path"])

    task = asyncio.ensure_future(later())
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": ",".join(done).encode()})


handler = fc_adapter.wrap(app, lifespan="off")
""",
        "index:handler",
    )
    assert [server.get(path).text for path in ("/1", "/2", "/3")] == ["", "/1", "/1,/2"]


def test_result_is_json_all_the_way(serve):
    server = serve("def handler(e, c): return {'你': [1.5, None, True], 'n': float('nan')}", "index:handler")
    assert json.loads(server.get().body)["你"] == [1.5, None, True]


@pytest.fixture
def instance(tmp_path):
    """An instance that is not started yet."""
    (tmp_path / "index.py").write_text("def handler(event, context): return b'x' * 1_000_000")
    function = Function(handler=Target(tmp_path, "index", "handler"), memory=8)
    instance = Instance(function, log=lambda *line: None, freeze=CAN_FREEZE)
    yield instance
    instance.kill()


def test_instance_that_is_stopped_before_it_has_started(instance, monkeypatch):
    monkeypatch.setattr(instance_module, "_EXIT_SECONDS", 20)
    instance.stop()
    assert (instance.life.is_alive, instance.has_ended(), instance._process.returncode) == (False, True, 0)
    instance.stop()


def test_instance_that_is_killed_by_another_thread(instance, monkeypatch):
    monkeypatch.setattr(instance, "_function", replace(instance._function, memory=512))
    assert instance.start() is None
    instance.kill()
    reply = instance.invoke(b"{}", "1-a")
    assert (reply.kind, instance.peak_bytes()) == ("error", 0)
    assert "before completing request (signal SIGKILL)" in reply.describe_error()


def test_memory_is_looked_at_when_the_reply_comes(instance, monkeypatch):
    monkeypatch.setattr(instance_module, "_INTERVAL", 60)
    assert "out of memory: it is configured with 8 MB" in instance.start().describe_error()
