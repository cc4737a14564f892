"""The Initializer and PreStop hooks of an instance."""

from __future__ import annotations

import pytest

from tests.support.server import PATIENCE, wait_until

HOOKS = """
import json, time

done = []


def initialize(context):
    print("initialize", context.request_id)
    time.sleep(0.05)
    done.append("initialize")


def fail(context):
    raise RuntimeError("cannot initialize")


def pre_stop(context):
    print("pre_stop", context.function.name)


def slow(context):
    print("slow begins")
    time.sleep(60)


def handler(event, context):
    done.append("handler")
    return done
"""


def test_initializer_runs_once_before_the_first_request(serve):
    server = serve(HOOKS, "index:handler", "--initializer", "index.initialize", "--pre-stop", "index.pre_stop")
    assert "initialize" not in server.log
    first, second = server.get(), server.get()
    assert first.json == ["initialize", "handler"]
    assert second.json == ["initialize", "handler", "handler"]
    server.wait_for(rf"^initialize {first.headers['X-Fc-Request-Id']}$")
    line = server.wait_for(r"^GET /  200  (\d+) ms  cold start \d+ ms  init (\d+) ms  c-")
    assert 50 <= int(line[2]) <= int(line[1])
    server.wait_for(r"^GET /  200  \d+ ms  c-")
    server.stop()
    assert server.log.count("pre_stop local") == 1


@pytest.mark.parametrize(
    ("hook", "error"), [("index.fail", "RuntimeError: cannot initialize"), ("index.no", "'index' has no 'no'")]
)
def test_initializer_that_fails(serve, hook, error):
    server = serve(HOOKS, "index:handler", "--initializer", hook, "--pre-stop", "index.pre_stop")
    workers = [server.get().status and server.workers() for _ in range(2)]
    assert workers == [[], []]
    server.wait_for(error)
    assert server.stop() == 0
    assert "pre_stop local" not in server.log


@pytest.mark.parametrize("arguments", [[], ["--in-process"]])
def test_hooks_that_are_not_there_are_named_at_the_start(serve, tmp_path, arguments):
    (tmp_path / "hooks.py").write_text("print('imported')\ndef pre_stop(context): pass")
    hooks = ["--initializer", "index.initialise", "--pre-stop", "hooks.pre_stop"]
    server = serve(HOOKS, "index:handler", *hooks, *arguments)
    server.wait_for("^note: the Initializer hook index.initialise will fail: .* 'index' has no 'initialise'; it has: ")
    assert server.log.count("note: the ") == 1
    assert "imported" not in server.log
    server = serve(HOOKS, "index:handler", "--initializer", "initialize", "--pre-stop", "no_hooks.pre_stop", *arguments)
    server.wait_for("^note: the Initializer hook initialize will fail: cannot import")
    server.wait_for("^note: the PreStop hook no_hooks.pre_stop will fail: .* no module named 'no_hooks'")


def test_idle_instance_gets_pre_stop(serve):
    server = serve(HOOKS, "index:handler", "--idle-timeout", "0.05", "--pre-stop", "index.pre_stop")
    assert server.get().status == 200
    server.wait_for("^pre_stop local$")
    wait_until(lambda: not server.workers())
    assert server.get().json == ["handler"]


def test_pre_stop_that_fails_or_takes_long(serve):
    server = serve(HOOKS, "index:handler", "--idle-timeout", "0.05", "--pre-stop", "index.fail")
    server.wait_for("^PreStop failed: .*cannot initialize")
    server = serve(None, "index:handler", "--pre-stop", "index.slow")
    assert server.stop(patience=PATIENCE / 2) == 0
    assert "slow begins" in server.log
    assert "PreStop failed" in server.log
