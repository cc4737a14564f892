"""``deadline_margin``: apps that are cancelled in time to answer."""

from __future__ import annotations

import asyncio
import gc
import re
import threading
import time
import types
from types import SimpleNamespace

import pytest

from fc_adapter import AppError, DeadlineError, wrap
from fc_adapter.asgi.tasks import format_stack
from tests.asgi.apps import OK, app_of, background_app, context_with, handle, hello, sleeping
from tests.conftest import make_event


async def until_logged(caplog, text):
    """Work that goes on until it is given up; ``pre_stop()`` then waits for it."""
    while text not in caplog.text:
        await asyncio.sleep(0.005)


def test_deadline(caplog):
    result = handle(sleeping, context=context_with("0.2"), deadline_margin=0.15)
    assert (result["statusCode"], result["body"]) == (504, "Gateway Timeout")
    assert "request 1-late has run into its deadline, 0.15 s before the function's timeout" in caplog.text
    assert "await asyncio.sleep(60)" in caplog.text
    with pytest.raises(DeadlineError):
        handle(sleeping, context=context_with(0.2), deadline_margin=0.15, on_error="raise")


def test_stack_of_a_task_that_has_not_begun():
    async def main():
        task = asyncio.ensure_future(sleeping({}, None, None))
        stack = format_stack(task)
        task.cancel()
        return stack

    stack = asyncio.run(main())
    assert "in sleeping" in stack
    assert "asyncio" not in stack


def test_stack_through_generators():
    """As coroutines of old libraries are, and everything that awaits by ``yield from``."""

    @types.coroutine
    def outer():
        yield from inner()

    @types.coroutine
    def inner():
        yield

    async def wait():
        await outer()

    async def main():
        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        stack = format_stack(task)
        task.cancel()
        return stack

    assert re.findall(r"in (\w+)\n", asyncio.run(main())) == ["wait", "outer", "inner"]


@pytest.mark.parametrize("is_late", [False, True])
def test_tasks_of_a_cancelled_request_go_on_later(is_late, caplog):
    """Nothing but the handler holds a task that waits for the disconnect."""
    finished = []

    async def listen(receive):
        finished[0].set_result((await receive())["type"])

    async def app(scope, receive, send):
        if finished:
            assert await finished[0] == "http.disconnect"
            await hello(scope, receive, send)
            return
        finished.append(asyncio.get_running_loop().create_future())
        await receive()
        asyncio.ensure_future(listen(receive))
        await asyncio.sleep(0)
        if not is_late:
            raise asyncio.CancelledError
        await asyncio.sleep(60)

    handler = wrap(app, lifespan="off", deadline_margin=0.5)
    assert handler(make_event(), context_with(1 if is_late else 60))["statusCode"] == (504 if is_late else 500)
    gc.collect()
    assert handler(make_event(), context_with(10)) == OK
    assert "was destroyed" not in caplog.text
    handler.pre_stop()


def test_startup_has_the_same_deadline():
    async def app(scope, receive, send):
        await asyncio.sleep(60)

    result = handle(app, context=context_with(0.2), deadline_margin=0.15, lifespan="auto")
    assert result["statusCode"] == 504


def test_margin_that_is_no_less_than_the_timeout_is_no_deadline(caplog):
    assert handle(hello, context=context_with(1), deadline_margin=1) == OK
    assert "deadline_margin is 1 s, but the function's timeout 1.0 s: no deadline" in caplog.text


def test_waiting_for_tasks_ends_before_the_functions_timeout(caplog):
    async def work():
        await until_logged(caplog, "has waited")

    assert handle(background_app(work), context=context_with(0.6)) == OK
    assert re.search(r"has waited 0(\.[01]\d*)? s", caplog.text)


def test_deadline_of_a_thread_that_cannot_be_stopped():
    release = threading.Event()

    async def app(scope, receive, send):
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, release.wait))

    handler = wrap(app, lifespan="off", deadline_margin=0.15)
    assert handler(make_event(), context_with(0.2))["statusCode"] == 504
    release.set()
    handler.pre_stop()


def test_app_that_ignores_its_cancellation():
    """It gets half of the margin to clean up in, so that the answer comes before the function's timeout."""
    cleaned_up = []

    async def app(scope, receive, send):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            try:
                await asyncio.sleep(0.1)
                cleaned_up.append("in time")
                await asyncio.sleep(60)
            finally:
                cleaned_up.append("too late")

    handler = wrap(app, lifespan="off", deadline_margin=2.4, background_timeout=0.1)
    began = time.monotonic()
    assert handler(make_event(), context_with(2.5))["statusCode"] == 504
    assert time.monotonic() - began < 2.5
    assert cleaned_up == ["in time"]
    handler.pre_stop()
    assert cleaned_up == ["in time", "too late"]


def test_deadline_after_a_complete_response_keeps_it(caplog):
    finished = []

    async def app(scope, receive, send):
        await hello(scope, receive, send)
        await until_logged(caplog, "request 1-late has run into its deadline")
        finished.append(True)

    assert handle(app, context=context_with(0.2), deadline_margin=0.15) == OK
    assert finished == [True]


def test_deadline_shortens_the_wait_for_tasks(caplog):
    async def work():
        await until_logged(caplog, "request 1-late has ")

    def has_waited():
        caplog.clear()
        assert handle(background_app(work), context=context_with(0.2), deadline_margin=0.15) == OK
        return re.search(r"request 1-late has waited 0(\.0\d*)? s", caplog.text)

    # The deadline itself is a millisecond later, and comes first where a machine stands still for that long.
    assert has_waited() or has_waited() or has_waited()


def test_app_in_time_knows_nothing_of_its_deadline():
    assert handle(hello, context=context_with(60), deadline_margin=1) == OK
    with pytest.raises(AppError):
        handle(app_of(), context=context_with(60), deadline_margin=1, on_error="raise")


@pytest.mark.parametrize("context", [None, SimpleNamespace(), context_with(None), context_with("soon")])
def test_no_deadline_without_a_timeout(context):
    assert handle(hello, context=context, deadline_margin=1) == OK
