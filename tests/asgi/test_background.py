"""Tasks that requests leave behind: waited for, named, or going on later."""

from __future__ import annotations

import asyncio
import gc

import pytest

from fc_adapter import wrap
from tests.asgi.apps import OK, background_app, handle, hello
from tests.conftest import make_event


def test_fire_and_forget_task_has_written_its_file(tmp_path, caplog):
    async def work():
        await asyncio.sleep(0.01)

        async def more():
            await asyncio.sleep(0.01)
            (tmp_path / "done").write_text("yes")

        asyncio.ensure_future(more())

    assert handle(background_app(work)) == OK
    assert (tmp_path / "done").read_text() == "yes"
    assert not caplog.records


def test_tasks_of_a_failed_request_are_waited_for():
    done = []

    async def work():
        await asyncio.sleep(0.01)
        done.append(True)

    async def app(scope, receive, send):
        asyncio.ensure_future(work())
        raise ValueError("broken")

    assert handle(app)["statusCode"] == 500
    assert done == [True]


def test_listener_of_a_failed_request_is_told():
    heard = []

    async def app(scope, receive, send):
        await receive()
        asyncio.ensure_future(listen(receive))
        await asyncio.sleep(0)
        raise ValueError("broken")

    async def listen(receive):
        heard.append(await receive())

    assert handle(app)["statusCode"] == 500
    assert heard == [{"type": "http.disconnect"}]


def test_async_generator_that_was_left_open_is_closed():
    closed = []

    async def numbers():
        try:
            yield 1
        finally:
            await asyncio.sleep(0.01)
            closed.append(True)

    async def app(scope, receive, send):
        async for _ in numbers():  # pragma: no branch - it is left open
            break
        gc.collect()
        await hello(scope, receive, send)

    handler = wrap(app, lifespan="off")
    assert handler(make_event()) == OK
    assert closed == [True]
    handler.pre_stop()


def test_task_that_waits_for_a_thread():
    done = []

    async def work():
        await asyncio.get_running_loop().run_in_executor(None, done.append, True)

    assert handle(background_app(work)) == OK
    assert done == [True]


def test_endless_task_is_named_kept_and_goes_on_later(caplog):
    ticks = []

    async def work():
        while True:
            ticks.append(len(ticks))
            await asyncio.sleep(0.01)

    handler = wrap(background_app(work, name="ticker"), lifespan="off", background_timeout=0.05)
    assert handler(make_event()) == OK
    assert "the client of request 1-event has waited 0.05 s for background work" in caplog.text
    assert "ticker (tests.asgi.test_background." in caplog.text
    gc.collect()
    count = len(ticks)
    assert count > 1
    assert handler(make_event()) == OK
    assert len(ticks) > count
    handler.pre_stop()


def test_tasks_left_by_a_request_without_an_id_are_named(caplog):
    async def work():
        await asyncio.sleep(60)

    assert handle(background_app(work), make_event(request_id=""), background_timeout=0.01) == OK
    assert "the client of request (no id) has waited 0.01 s for background work" in caplog.text


def test_background_timeout_of_zero_waits_for_none(caplog):
    async def work():
        await asyncio.sleep(60)

    assert handle(background_app(work), background_timeout=0) == OK
    assert not caplog.records


@pytest.mark.parametrize("place", ["lifespan", "http"])
def test_app_with_a_task_factory_of_its_own(place):
    made = []
    done = []

    def factory(loop, coro, **options):
        made.append(coro)
        return asyncio.Task(coro, loop=loop, **options)

    async def work():
        await asyncio.sleep(0.01)
        done.append(True)

    async def app(scope, receive, send):
        if scope["type"] == place and not made:
            made.append("set")
            asyncio.get_running_loop().set_task_factory(factory)
        if scope["type"] == "http":
            asyncio.ensure_future(work())
            await hello(scope, receive, send)

    handler = wrap(app)
    handler(make_event())
    handler(make_event())
    handler.pre_stop()
    assert len(done) >= 1 + (place == "lifespan")
    assert len(made) > 1
