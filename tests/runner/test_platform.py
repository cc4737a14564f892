"""``fc_adapter.runner.serve`` in users' own tests."""

from __future__ import annotations

import http.client
import json
import logging
import os
import socket
import sys
import threading
import urllib.error
import urllib.request

import pytest

import fc_adapter.runner
from fc_adapter.application import NotFoundError
from fc_adapter.config.function import Function, Hook
from fc_adapter.config.target import Target, parse_target
from fc_adapter.contract.trigger import read_request
from fc_adapter.errors import ConfigError
from fc_adapter.runner.load import load_target
from fc_adapter.runner.observer import Observer
from fc_adapter.runner.platform import LocalPlatform
from fc_adapter.runner.runtime import Runtime
from tests.support.server import wait_until, workers


def fetch(url):
    with urllib.request.urlopen(url, timeout=20) as response:
        return response.status, response.read()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode(), b" ", os.environ["FC_INSTANCE_ID"].encode()]


def test_handler_of_this_process(monkeypatch):
    monkeypatch.setenv("FC_REGION", "mine")
    monkeypatch.delenv("FC_INSTANCE_ID", raising=False)
    handlers = logging.getLogger().handlers[:]
    threads = threading.active_count()
    with fc_adapter.runner.serve(fc_adapter.wrap(app), port=0) as server:
        assert fetch(server.url + "/a") == (200, b"/a in-process")
    assert (os.environ["FC_REGION"], os.environ.get("FC_INSTANCE_ID")) == ("mine", None)
    assert logging.getLogger().handlers == handlers
    wait_until(lambda: threading.active_count() <= threads)
    with pytest.raises(urllib.error.URLError):
        fetch(server.url)


def test_target_in_an_instance_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "index.py").write_text("import os\ndef handler(event, context): return os.getpid()")
    monkeypatch.chdir(tmp_path)
    lines, exchanges = [], []
    others = set(workers(os.getpid()))  # of other tests in this process
    options = {"log": lambda *line: lines.append(line), "observe": exchanges.append}
    with fc_adapter.runner.serve("index:handler", **options) as server:
        status, body = fetch(server.url)
        assert {*workers(os.getpid())} - others == {int(body)}
    assert status == 200
    assert set(workers(os.getpid())) <= others
    assert exchanges[0].reply.data == body
    assert lines[0][1].startswith(b"FC Invoke Start")


def test_error_in_the_block_ends_it_too(tmp_path, monkeypatch):
    (tmp_path / "index.py").write_text("def handler(event, context): return 1")
    others = set(workers(os.getpid()))
    with pytest.raises(urllib.error.URLError), fc_adapter.runner.serve(f"{tmp_path}/index.py:handler") as server:
        fetch(server.url.replace("http:", "nothing:"))
    assert set(workers(os.getpid())) <= others


def test_at_once():
    with fc_adapter.runner.serve(lambda event, context: "never called"):
        pass


@pytest.mark.parametrize("target", ["index", "nowhere.py:handler"])
def test_no_such_target(target):
    with pytest.raises(ConfigError), fc_adapter.runner.serve(target):
        pass  # pragma: no cover - not reached


def test_code_directory_that_is_gone(tmp_path):
    with pytest.raises(NotFoundError, match=r"cannot load index\.handler: no directory '.*nowhere'"):
        load_target(Target(tmp_path / "nowhere", "index", "handler"))


def test_port_in_use():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        LocalPlatform(Function(handler=app), port=taken.getsockname()[1], in_process=True)


def test_without_a_port():
    """Only the gateway answers then."""
    platform = LocalPlatform(Function(handler=fc_adapter.wrap(app)), port=None, in_process=True)
    platform.start()
    try:
        response = platform.gateway.handle(read_request("GET", "/a", [("Host", "h")], b""))
    finally:
        platform.close()
    assert (response.status, response.body) == (200, b"/a in-process")
    assert platform.url == ""


def test_idle_connection_is_closed(monkeypatch):
    monkeypatch.setattr("fc_adapter.runner.server.QuietRequestHandler.timeout", 0.1)
    with fc_adapter.runner.serve(fc_adapter.wrap(app)) as server:
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        with socket.create_connection(address, timeout=20) as connection:
            assert connection.recv(1) == b""


def test_note_that_an_instance_before_has_written(tmp_path, monkeypatch, capsys):
    (tmp_path / "bare_app_of_mine.py").write_text("def application(environ, start_response): return []")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", sys.path[:])
    function = Function(handler=parse_target("bare_app_of_mine:application"))
    first = Runtime(function)
    first.load()
    assert "bare_app_of_mine:application is a bare WSGI app" in capsys.readouterr().err
    second = Runtime(function, noted=first.noted)
    second.load()
    assert capsys.readouterr().err == ""
    assert second.noted == first.noted


def test_ipv6_url():
    try:
        platform = LocalPlatform(Function(handler=app), host="::1", port=0, in_process=True)
    except OSError:  # pragma: no cover - machines differ
        pytest.skip("no IPv6 here")
    platform.close()
    assert platform.url.startswith("http://[::1]:")


def test_hooks_in_this_process(tmp_path):
    (tmp_path / "hooks_of_mine.py").write_text("def fail(context): raise RuntimeError(context.function.name)")
    lines = []
    observer = Observer()
    observer.logged = lambda *line: lines.append(line)
    handler = parse_target(f"{tmp_path}/hooks_of_mine.py:fail")
    before = os.getcwd()
    function = Function(handler=handler, name="mine", pre_stop=Hook("hooks_of_mine.fail", 1))
    platform = LocalPlatform(function, port=0, in_process=True, observer=observer)
    platform.start()
    with pytest.raises(urllib.error.HTTPError, match="502") as caught:
        fetch(platform.url)
    caught.value.close()
    platform.close()
    assert lines[0][0] == "in-process"
    assert b"PreStop failed" in lines[0][1]
    assert json.loads(lines[0][1].partition(b": ")[2])["errorMessage"] == "mine"
    assert os.getcwd() == before


def test_busy_in_this_process_when_it_ends():
    """What runs in this process cannot be ended: its client is let go, and the one that waits gets a 503."""
    entered, leave = threading.Event(), threading.Event()
    begun, outcomes = [], {}

    def handler(event, context):
        entered.set()
        leave.wait(20)
        return "done"

    def ask(url):
        path = url.rpartition("/")[2]
        try:
            outcomes[path] = fetch(url)
        except urllib.error.HTTPError as error:
            with error:
                outcomes[path] = error.code, json.loads(error.read())["errorMessage"]
        except OSError as error:
            outcomes[path] = type(error)

    class Beginnings(Observer):
        def began(self, request, request_id, sent):
            begun.append(request.raw_path)

    with fc_adapter.runner.serve(handler, port=0, observer=Beginnings()) as server:
        threads = [threading.Thread(target=ask, args=(f"{server.url}/{path}",)) for path in ("first", "second")]
        threads[0].start()
        assert entered.wait(20)
        threads[1].start()
        wait_until(lambda: begun == ["/first", "/second"])
    leave.set()
    for thread in threads:
        thread.join(20)
    assert outcomes == {"first": http.client.RemoteDisconnected, "second": (503, outcomes["second"][1])}
    assert "stopped" in outcomes["second"][1]


def test_package_names():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        fc_adapter.runner.nothing  # noqa: B018 - the access is the test
