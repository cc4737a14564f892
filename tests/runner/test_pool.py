"""The pool and the in-process instance, without processes: who gets which instance, and when instances leave."""

from __future__ import annotations

import os
import threading

import pytest

from fc_adapter.config.function import Function, Hook
from fc_adapter.runner.in_process import LocalInstance
from fc_adapter.runner.life import Life, Reply, State
from fc_adapter.runner.pool import Pool
from tests.support.server import wait_until


class FakeInstance:
    """Answers with its number once it may."""

    made = 0

    def __init__(self):
        FakeInstance.made += 1
        self.id = str(FakeInstance.made)
        self.life = Life()
        self.idle_since = 0.0
        self.maker = threading.current_thread()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.may_stop = threading.Event()
        self.may_stop.set()
        self.stopped = False
        self.error = None

    def start(self):
        return self.error

    def invoke(self, event, request_id):
        self.may_answer.wait(20)
        return Reply("result", self.id.encode(), self.id)

    def has_ended(self):
        return False

    def stop(self):
        self.may_stop.wait(20)
        self.stopped = True

    def kill(self):
        self.life.enter(State.ENDED)
        self.may_answer.set()
        self.may_stop.set()


@pytest.fixture
def make_pool():
    """Make a pool whose instances are at hand: ``(pool, instances)``."""
    pools = []

    def make(limit=1, idle_seconds=60.0):
        instances = []

        def make_instance():
            instances.append(FakeInstance())
            return instances[-1]

        pools.append(Pool(make_instance, limit=limit, idle_seconds=idle_seconds))
        return pools[-1], instances

    yield make
    for pool in pools:
        pool.close()


def run_in_thread(pool):
    replies = []
    thread = threading.Thread(target=lambda: replies.append(pool.run(b"", "1-a")))
    thread.start()
    return thread, replies


def test_instances_are_made_by_one_thread_that_stays(make_pool):
    pool, instances = make_pool(limit=2)
    pool.warm_up()
    instances[0].may_answer.clear()
    threads = [run_in_thread(pool)[0] for _ in range(2)]
    wait_until(lambda: len(instances) == 2)
    assert instances[0].maker is instances[1].maker is not threading.current_thread()
    assert instances[0].maker.is_alive()
    instances[0].may_answer.set()
    for thread in threads:
        thread.join()
    pool.close()
    assert not instances[0].maker.is_alive()


def test_every_waiting_request_is_served(make_pool):
    pool, instances = make_pool()
    pool.warm_up()
    instances[0].may_answer.clear()
    threads = [run_in_thread(pool) for _ in range(20)]
    wait_until(lambda: len(pool._changed._waiters) == 19)
    instances[0].may_answer.set()
    for thread, replies in threads:
        thread.join(20)
        assert replies[0].kind == "result"
    assert len(instances) == 1


def test_renewed_while_it_serves(make_pool):
    pool, instances = make_pool()
    pool.warm_up()
    instances[0].may_answer.clear()
    thread, replies = run_in_thread(pool)
    wait_until(lambda: pool._busy)
    pool.renew()
    instances[0].may_stop.clear()
    instances[0].may_answer.set()
    thread.join()  # the reply does not wait for the PreStop hook
    assert replies[0].instance_id == instances[0].id
    assert pool.run(b"", "1-b").instance_id == instances[1].id
    instances[0].may_stop.set()
    wait_until(lambda: instances[0].stopped)


def test_waiting_is_told(make_pool):
    pool, instances = make_pool()
    pool.warm_up()
    instances[0].may_answer.clear()
    threads = [run_in_thread(pool) for _ in range(2)]
    wait_until(lambda: len(pool._changed._waiters) == 1)
    instances[0].may_answer.set()
    for thread, _ in threads:
        thread.join(20)
    spans = sorted((replies[0].spans for _, replies in threads), key=len)
    assert spans[0] == ()
    [(name, began, ended)] = spans[1]
    assert (name, began < ended) == ("wait", True)


def test_ended_while_it_is_free(make_pool):
    pool, instances = make_pool()
    pool.warm_up()
    assert not pool.end("another")
    assert pool.end(instances[0].id)
    wait_until(lambda: instances[0].stopped)
    assert instances[0].life.end_reason == "asked"
    assert pool.run(b"", "1-a").instance_id == instances[1].id


def test_ended_once_it_is_done(make_pool):
    pool, instances = make_pool()
    pool.warm_up()
    instances[0].may_answer.clear()
    thread, replies = run_in_thread(pool)
    wait_until(lambda: pool._busy)
    assert pool.end(instances[0].id)
    assert not instances[0].stopped
    instances[0].may_answer.set()
    thread.join(20)
    assert replies[0].kind == "result"
    wait_until(lambda: instances[0].stopped)


def test_ended_at_once(make_pool):
    pool, instances = make_pool()
    pool.warm_up()
    instances[0].may_stop.clear()
    assert pool.end(instances[0].id)
    assert instances[0].life.is_alive  # its PreStop hook takes long
    assert pool.end(instances[0].id, now=True)
    assert not instances[0].life.is_alive
    wait_until(lambda: not pool._leaving)
    assert not pool.end(instances[0].id, now=True)


def test_instance_that_takes_long_to_stop_is_killed_at_the_end(make_pool):
    pool, instances = make_pool()
    pool.warm_up()
    instances[0].may_stop.clear()
    pool.close()
    assert not instances[0].life.is_alive


def test_closed_pool(make_pool):
    pool, _ = make_pool()
    pool.close()
    reply = pool.run(b"", "1-a")
    assert (reply.kind, reply.describe_error()) == ("aborted", "The runner has been stopped")


def test_system_that_starts_no_process():
    def fail():
        raise OSError("no more of them")

    pool = Pool(fail, limit=1, idle_seconds=60.0)
    assert pool.warm_up().describe_error() == "No instance could be started: no more of them"
    assert pool.run(b"", "1-a").describe_error() == "No instance could be started: no more of them"
    pool.close()


def test_requests_that_wait_when_it_closes(make_pool):
    pool, instances = make_pool()
    pool.warm_up()
    instances[0].may_answer.clear()
    first, _ = run_in_thread(pool)
    wait_until(lambda: pool._busy)
    second, replies = run_in_thread(pool)
    wait_until(lambda: pool._changed._waiters)
    pool.close()
    first.join()
    second.join()
    assert replies[0].describe_error() == "The runner has been stopped"


def test_in_process_initializer_that_fails(tmp_path, monkeypatch):
    def fail(context):
        raise RuntimeError("no")

    ran = []
    function = Function(handler=lambda event, context: None, initializer=Hook("x.y", 1), pre_stop=Hook("x.z", 1))
    instance = LocalInstance(function, log=lambda *line: None)
    monkeypatch.setattr(instance._runtime, "call_hook", lambda handler, request_id: ran.append(handler) or fail(None))
    assert instance.start() is None
    assert instance.invoke(b"", "1-a").describe_error().endswith("RuntimeError: no")
    instance.stop()
    instance.stop()
    assert ran == ["x.y"]
    assert "FC_INSTANCE_ID" not in os.environ
