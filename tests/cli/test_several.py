"""``fc-adapter serve`` on a template with several functions."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
import yaml

from fc_adapter.config.domain import read_domain
from fc_adapter.config.runtimes import RUNTIMES
from fc_adapter.contract.trigger import read_request
from fc_adapter.project.interpreter import find_interpreter
from fc_adapter.runner.life import Reply
from fc_adapter.runner.observer import Observer
from fc_adapter.runner.router import Member, Router
from tests.support.server import PATIENCE, Server, is_running, wait_until

SOURCE = """
import json, os

print("loaded " + os.environ["FC_FUNCTION_NAME"])


def handler(event, context):
    event = json.loads(event)
    if event == "fail":
        raise ValueError("asked to")
    print("called")
    path = event.get("rawPath") if isinstance(event, dict) else event
    query = event.get("queryParameters") if isinstance(event, dict) else None
    seen = [context.function.name, path, query, os.environ.get("OF"), os.getpid()]
    return {"statusCode": 200, "body": json.dumps(seen)}


def pre_stop(context):
    print("stopped")
"""
HTTP = [{"triggerName": "http", "triggerType": "http", "triggerConfig": {"authType": "anonymous"}}]
TIMER = [{"triggerName": "timer", "triggerType": "timer"}]


def function(name, triggers=HTTP, **props):
    given = {
        "functionName": f"shop-{name}",
        "runtime": "python3.10",
        "handler": "index.handler",
        "code": f"./{name}",
        "triggers": triggers,
        "environmentVariables": {"OF": name},
        "instanceLifecycleConfig": {"preStop": {"handler": "index.pre_stop", "timeout": 3}},
    }
    return {"component": "fc3", "props": {**given, **props}}


def domain(*routes, name="shop.example.com"):
    return {"component": "fc3-domain", "props": {"domainName": name, "routeConfig": {"routes": list(routes)}}}


@pytest.fixture
def project(tmp_path):
    """Write a template with these resources, and the code of its functions."""

    def write(**resources):
        for name, each in resources.items():
            if each["component"] == "fc3":
                (tmp_path / name).mkdir()
                (tmp_path / name / "index.py").write_text(SOURCE)
        document = {"edition": "3.0.0", "name": "shop", "access": "default", "resources": resources}
        (tmp_path / "s.yaml").write_text(yaml.safe_dump(document))
        return tmp_path

    return write


@pytest.fixture
def serve_all(project):
    """Serve a template with these resources."""
    servers = []

    def start(*arguments, **resources):
        servers.append(Server("--no-inspect", *arguments, cwd=project(**resources)))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def ask(url, data=None, method=None, **headers):
    """The status and the text of an answer."""
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, response.read().decode(), response.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


ROUTES = (
    {
        "path": "/api/*",
        "functionName": "shop-api",
        "methods": ["GET", "POST"],
        "rewriteConfig": {"wildcardRules": [{"match": "/api/*", "replacement": "/$1"}]},
    },
    {"path": "/shop/*", "functionName": "shop-web"},
    {"path": "/gone", "functionName": "shop-gone"},
)


def test_routes_of_a_domain(serve_all):
    server = serve_all(
        api=function("api", role="r"),
        web=function("web"),
        worker=function("worker", TIMER),
        site=domain(*ROUTES, {"path": "/x", "functionName": "{{ name }}"}),
    )
    url = f"http://127.0.0.1:{server.port}"
    status, text, headers = ask(f"{url}/api/users?x=1")
    assert (status, json.loads(text)[:4]) == (200, ["shop-api", "/users", {"x": "1"}, "api"])
    assert "Content-Disposition" not in headers
    assert json.loads(ask(f"{url}/shop/a")[1])[:4] == ["shop-web", "/shop/a", {}, "web"]
    for method, path in (("GET", "/none"), ("PUT", "/api/x"), ("GET", "/gone")):
        status, text, headers = ask(url + path, method=method)
        assert (status, json.loads(text)["errorCode"]) == (404, "DomainRouteNotFound")
        assert headers["X-Fc-Request-Id"]
    log = server.log
    assert f"the domain shop.example.com is served on {url} until Ctrl-C" in log
    assert "  /api/*  [api] index.handler (python3.10, 512 MB, 3 s)" in log
    assert "  /gone  shop-gone, which is not served here" in log
    assert "note: [api] role is not assumed here" in log
    assert "note: [shop.example.com] {{ name }} in routeConfig.routes[3].functionName is a placeholder" in log
    assert "only" not in log
    server.wait_for(r"^\[api\] loaded shop-api$")
    server.wait_for(r"^\[api\] called$")
    server.wait_for(r"^\[api\] GET /users\?x=1  200  ")
    server.wait_for(r"^GET /none  404  ")
    server.wait_for("^DomainRouteNotFound: no route for GET /none$")
    workers = server.workers()
    assert len(workers) == 3
    server.stop()
    assert not any(map(is_running, workers))
    assert {"[api] stopped", "[web] stopped", "[worker] stopped"} <= set(server.lines)


def test_function_that_is_invoked_by_its_name(serve_all):
    server = serve_all(web=function("web"), worker=function("worker", TIMER))
    url = f"http://127.0.0.1:{server.port}/2023-03-30/functions/shop-worker/invocations"
    assert (
        f"[worker] index.handler (python3.10, 512 MB, 3 s) is not for HTTP; invoke it: curl -d @event.json {url}"
        in (server.log)
    )
    status, text, headers = ask(url, b'{"rawPath": 7}')
    assert (status, json.loads(json.loads(text)["body"])[:2]) == (200, ["shop-worker", 7])
    assert "X-Fc-Error-Type" not in headers
    status, text, headers = ask(url, b'"fail"')
    assert (status, headers["X-Fc-Error-Type"]) == (200, "UnhandledInvocationError")
    assert json.loads(text)["errorMessage"] == "asked to"
    status, text, _ = ask(url, b'"later"', **{"X-Fc-Invocation-Type": "Async"})
    assert (status, text) == (202, "")
    wait_until(lambda: server.log.count("[worker] called") == 2)
    large = b'"%s"' % (b"x" * 128 * 1024)
    assert ask(url, large)[0] == 200
    status, text, _ = ask(url, large, **{"X-Fc-Invocation-Type": "Async"})
    message = "request body: 131074 bytes, the limit is 131072"
    assert (status, json.loads(text)) == (400, {"errorCode": "InvalidArgument", "errorMessage": message})
    server.wait_for(f"^InvalidArgument: {message}$")
    assert json.loads(ask(url.replace("shop-worker", "web"), b'"x"')[1])["statusCode"] == 200
    assert json.loads(ask(url.replace("shop-worker", "nobody"), b"x")[1])[0] == "shop-web"
    assert json.loads(ask(url)[1])[0] == "shop-web"


def test_ports_of_their_own(serve_all, tmp_path):
    server = serve_all("--record", "records", one=function("one"), two=function("two"))
    server.wait_for(r"^\[two\] .* is served on ")
    urls = re.findall(r"^\[(\w+)\] index\.handler .* is served on (\S+) until Ctrl-C$", server.log, re.MULTILINE)
    assert [name for name, _ in urls] == ["one", "two"]
    for name, url in urls:
        status, text, headers = ask(url)
        assert (status, json.loads(text)[0]) == (200, f"shop-{name}")
        assert headers["Content-Disposition"] == "attachment"
    assert sorted(path.name for path in (tmp_path / "records").iterdir()) == ["one", "two"]


def find_ports():
    """A free port before one that is taken, and what takes that."""
    for port in range(20_000, 30_000):
        taken = socket.socket()
        try:
            socket.create_server(("127.0.0.1", port)).close()
            taken.bind(("127.0.0.1", port + 1))
            taken.listen()
        except OSError:  # pragma: no cover - somebody else has one of them
            taken.close()
        else:
            return port, taken
    raise AssertionError("all ports are taken")  # pragma: no cover


def test_next_port_is_another_when_it_is_taken(project):
    directory = project(one=function("one"), two=function("two"))
    port, taken = find_ports()
    with taken, Server("--no-inspect", cwd=directory, port=str(port)) as server:
        assert server.port == port
        other = int(server.wait_for(r"^\[two\] .* is served on http://127\.0\.0\.1:(\d+) until")[1])
        assert other not in (port, port + 1)


def test_what_no_function_is_for(serve_all, project):
    directory = project(one=function("one", TIMER), two=function("two", TIMER))
    server = Server("--no-inspect", cwd=directory, expect_start=False)
    try:
        server.port = int(server.wait_for(r"^\[two\] .* is not for HTTP; .*http://127\.0\.0\.1:(\d+)/")[1])
        assert server.get().status == 404
        assert server.send(b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        assert server.stop() == 0
    finally:
        server.kill()


def run_serve(directory, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "fc_adapter", "serve", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_check_and_what_is_left_out(project):
    sites = {"first": domain(*ROUTES), "second": domain(name="other.example.com")}
    directory = project(api=function("api"), web=function("web"), node=function("node", runtime="nodejs20"), **sites)
    ended = run_serve(directory, "--check", "/api/x")
    assert ended.returncode == 0
    assert json.loads(ended.stdout.splitlines()[-1])[:2] == ["shop-api", "/x"]
    assert "note: [node] is left out: runtime in s.yaml is 'nodejs20'; expected one of" in ended.stderr
    assert "note: of the template's domains only shop.example.com is served, not other.example.com" in ended.stderr
    assert "Ctrl-C" not in ended.stderr
    assert "the inspector" not in ended.stderr
    picked = run_serve(directory, "--resource", "web", "--check", "/api/x")
    assert json.loads(picked.stdout.splitlines()[-1])[:2] == ["shop-web", "/api/x"]


def test_wrong_usage(project):
    directory = project(one=function("one", runtime="nodejs20"), two=function("two", runtime="custom"))
    ended = run_serve(directory, "--in-process")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "--in-process runs one function; name it with --resource: one, two" in ended.stderr
    ended = run_serve(directory, "--check", "/")
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == "fc-adapter serve: s.yaml has no function that can run here"


def test_port_that_is_taken(project):
    directory = project(one=function("one"), two=function("two"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run_serve(directory, "--port", str(port))
    assert ended.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use; --port takes another" in ended.stderr


def test_function_that_cannot_be_imported(project):
    directory = project(one=function("one"), two=function("two"))
    (directory / "two" / "index.py").write_text("import no_such_dependency")
    ended = run_serve(directory, "--check", "/")
    assert ended.returncode == 1
    assert "No module named 'no_such_dependency'" in ended.stderr


def test_reload_and_inspectors(project):
    directory = project(one=function("one"), two=function("two"), three=function("three", TIMER))
    with Server("--reload", "--inspect-port", "0", cwd=directory) as server:
        server.wait_for(r"^\[one\] the inspector shows each request on http://127\.0\.0\.1:\d+/\?token=")
        server.wait_for(r"^\[two\] the inspector shows")
        assert "[three] the inspector" not in server.log
        first = server.get().json[4]
        (directory / "one" / "index.py").write_text(SOURCE.replace("os.getpid()", "'changed'"))
        server.wait_for(r"^\[one\] changed: index\.py; the next request runs on a new instance$")
        wait_until(lambda: not is_running(first))
        assert server.get().json[4] == "changed"


def test_bundles(project):
    here = [runtime.name for runtime in RUNTIMES.values() if find_interpreter(runtime)]
    if not here:  # pragma: no cover - machines differ
        pytest.skip("no Python of a runtime's version is here")
    directory = project(one=function("one", runtime=here[0]), two=function("two", runtime=here[0]))
    (directory / "one" / ".fcignore").write_text("secret\n")
    ended = run_serve(directory, "--bundle", "--check", "/")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1])[0] == "shop-one"


def test_note_on_all_functions_is_told_once(project):
    other = next(name for name, each in RUNTIMES.items() if each.version != sys.version_info[:2])
    directory = project(one=function("one", runtime=other), two=function("two", runtime=other))
    ended = run_serve(directory, "--check", "/")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count(f"and the function is configured for {other}: ") == 1


class FakePool:
    """Runs nothing."""

    def run(self, event, request_id, is_wanted):
        return Reply.aborted("The runner has been stopped")


def test_invocation_that_is_not_run():
    seen = []

    class Watching(Observer):
        def ended(self, exchange):
            seen.append(exchange.response.status)

    member = Member(gateway=None, pool=FakePool(), observer=Watching())
    router = Router({"f": member}, Observer(), domain=read_domain({}, None))
    request = read_request("POST", "/2023-03-30/functions/f/invocations", [("Host", "h")], b"{}")
    assert router.handle(request).status == 503
    assert seen == [503]
