"""``receive`` and ``send``: what an app gets and may send, and when."""

from __future__ import annotations

import asyncio
import logging

import pytest
from asgiref.testing import ApplicationCommunicator

from fc_adapter import AppError, ConfigError, wrap
from fc_adapter.asgi import build_scope
from fc_adapter.asgi.channel import Channel
from fc_adapter.contract.request import parse_event
from tests.asgi.apps import END, MORE, OK, START, app_of, handle, hello
from tests.conftest import make_event

# ---- receive and send ------------------------------------------------------------------------------------------------


def test_body_in_one_message_then_disconnect_once_complete():
    received = []

    async def app(scope, receive, send):
        received.append(await receive())
        waiting = [asyncio.ensure_future(receive()) for _ in range(2)]
        await asyncio.sleep(0)
        received.append([each.done() for each in waiting])
        await send(START)
        await send(END)
        received.extend(await asyncio.gather(*waiting))
        received.append(await receive())

    assert handle(app, make_event(method="POST", body="你")) == OK
    request = {"type": "http.request", "body": "你".encode(), "more_body": False}
    assert received == [request, [False, False], *[{"type": "http.disconnect"}] * 3]


def test_first_wait_for_the_disconnect_after_a_complete_response():
    received = []

    async def app(scope, receive, send):
        await receive()
        await hello(scope, receive, send)
        received.append(await asyncio.wait_for(receive(), 10))

    assert handle(app) == OK
    assert received == [{"type": "http.disconnect"}]


@pytest.mark.parametrize("chunk", [b"do", bytearray(b"do"), memoryview(b"do")])
def test_streamed_body_arrives_whole(chunk):
    part = {"type": "http.response.body", "body": chunk, "more_body": True}
    nothing = {"type": "http.response.body", "more_body": True}
    assert handle(app_of(START, part, nothing, {"type": "http.response.body", "body": b"ne"})) == OK


def test_start_without_headers():
    result = handle(app_of({"type": "http.response.start", "status": 204}, {"type": "http.response.body"}))
    assert result == {"statusCode": 204, "headers": {}, "isBase64Encoded": False, "body": ""}


def test_response_headers_are_bytes_of_text():
    headers = [(b"x-utf8", "你".encode()), [b"x-latin1", b"\xe9"], (b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2")]
    result = handle(app_of({**START, "headers": headers}, END))
    assert result["headers"] == {
        "x-utf8": "你",
        "x-latin1": "é",
        "Set-Cookie": "a=1",
        "Set-CookiE": "b=2",
        "Content-Type": "application/octet-stream",
    }


FAULTS = [
    ((END,), "sent 'http.response.body' before 'http.response.start'"),
    ((START, START), "sent 'http.response.start' twice"),
    ((START,), "returned before its response was complete"),
    ((START, MORE), "returned before its response was complete"),
    ((), "returned without sending a response"),
    (({"type": "http.response.trailers"},), "sent a message of type 'http.response.trailers', expected"),
    (({"type": None},), "sent a message of type None"),
    (({},), "sent a message of type None"),
    (("start",), "sent a message of type 'start'"),
    (({**START, "status": "200"},), "sent the status '200', expected an integer"),
    (({**START, "status": 99},), "sent the status 99"),
    (({"type": "http.response.start"},), "sent the status None"),
    (({**START, "headers": [("a", "b")]},), r"sent the header \('a', 'b'\), expected a name and a value, both bytes"),
    (({**START, "headers": [(b"a", "b")]},), "both bytes"),
    (({**START, "headers": [b"abc"]},), "both bytes"),
    (({**START, "headers": [5]},), "both bytes"),
    (({**START, "headers": None},), "both bytes"),
    (({**START, "headers": [(b"a", b"b\r\nc: d")]}, END), "CR, LF or NUL"),
    (({"type": 10**5000},), "sent a message of type a value of type int"),
    ((START, {"type": "http.response.body", "body": "text"}), "sent a body of type str, expected bytes"),
    ((START, {"type": "http.response.body", "body": None}), "sent a body of type NoneType, expected bytes"),
]


@pytest.mark.parametrize(("messages", "message"), FAULTS)
def test_broken_protocol(messages, message, caplog):
    """A clean 500, one log record that names the fault, and the next request works."""
    script = list(messages)

    async def app(scope, receive, send):
        for each in script:
            await send(each)

    handler = wrap(app, lifespan="off")
    assert handler(make_event())["body"] == "Internal Server Error"
    (record,) = [record for record in caplog.records if record.name == "fc_adapter"]
    assert (record.name, record.levelno) == ("fc_adapter", logging.ERROR)
    with pytest.raises(AppError, match=message) as raised:
        handle(app, on_error="raise")
    assert str(raised.value) in record.getMessage()
    script[:] = [START, END]
    assert handler(make_event()) == OK
    handler.pre_stop()


def test_message_after_the_end(caplog):
    """The response was complete, so the client gets it, as from a server that has sent it; the log tells the rest."""
    assert handle(app_of(START, END, END)) == OK
    assert "'http.response.body' after its response was complete" in caplog.text
    with pytest.raises(AppError, match="after its response was complete"):
        handle(app_of(START, END, START), on_error="raise")


def test_coroutine_function_that_is_no_app():
    async def view(request):
        """A view, not an app."""

    with pytest.raises(ConfigError, match=r"a coroutine function with the parameters \(request\); expected WSGI"):
        wrap(view)


def test_channel_agrees_with_asgirefs_communicator():
    """The same app under asgiref's own test harness sends what Channel takes."""

    async def main():
        scope = build_scope(parse_event(make_event()))
        communicator = ApplicationCommunicator(hello, scope)
        await communicator.send_input({"type": "http.request", "body": b""})
        channel = Channel(b"")
        for _ in range(2):
            await channel.send(await communicator.receive_output())
        await communicator.wait()
        return channel.response()

    assert asyncio.run(main()) == (200, (("content-type", "text/plain"),), b"done")
