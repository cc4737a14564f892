"""Apps that do what a script says, right or wrong, in any order, and what their clients must get.

A script is a list of steps, each a tuple of a word and its arguments, which may be of any type and content:

- WSGI: ``("start", status, headers)``, ``("restart", status, headers, exc_info)``, ``("write", body)``,
  ``("yield", body)``, ``("read", size)``, ``("raise", error)``;
- ASGI: ``("send", message)``, ``("receive",)``, ``("sleep",)``, ``("cancel",)``, ``("task", steps)``,
  ``("raise", error)``.
"""

from __future__ import annotations

import asyncio
import sys
from functools import cache
from itertools import chain

from fc_adapter import AdapterError, EventError, wrap
from fc_adapter.contract.rules import decode_header
from fc_adapter.messages import Response
from tests.contract.test_round_trip import as_the_client_gets_it, received
from tests.fuzz.invariants import check_app_error, check_event_error, check_result

PROPER = object()  # an iterable, and what sys.exc_info() returns: what a WSGI app should give


class Script:
    """What an app does, and what the adapter has taken from it.

    - ``eager`` (WSGI): how many of the steps run before the app returns.
    - ``returned`` (WSGI): what the app returns.
    - ``close_error`` (WSGI): what ``close()`` of a proper iterable raises, or None.
    - ``is_stubborn``: whether the app goes on after an error of the adapter.
    """

    def __init__(self, steps, *, eager=0, returned=PROPER, close_error=None, is_stubborn=False):
        self.steps = steps
        self.eager = eager
        self.returned = returned
        self.close_error = close_error
        self.is_stubborn = is_stubborn
        self.errors = []  # the app's own
        self.has_run = False
        self.status = None
        self.headers = []
        self.chunks = []
        self.is_complete = False
        self.iterables = 0  # less those that were closed

    def response(self):
        """What the app has sent."""
        headers = tuple([(name, decode_header(value)) for name, value in self.headers])
        returned = [] if self.returned is PROPER else self.returned
        return Response(self.status, headers, b"".join([*self.chunks, *returned]))

    def fail(self, error):
        self.errors.append(error)
        raise error

    def has_raised(self, error):
        """Whether ``error`` is the app's own; Python wraps a StopIteration that leaves a generator or a coroutine."""
        return any(own in (error, error.__cause__) for own in self.errors)


# ---- WSGI ------------------------------------------------------------------------------------------------------------


class _Iterable:
    def __init__(self, script, chunks):
        self._script = script
        self._chunks = chunks
        script.iterables += 1

    def __iter__(self):
        return self._chunks

    def close(self):
        self._script.iterables -= 1
        if self._script.close_error is not None:
            self._script.fail(self._script.close_error)


def run_wsgi(script, environ, start_response):
    """The WSGI app of ``script``."""
    script.has_run = True
    write = None

    def start(status, headers, *exc_info):
        nonlocal write
        write = start_response(status, headers, *exc_info)
        script.status = int(status[:3])
        script.headers = [(name, value.encode("latin-1")) for name, value in headers]

    def restart(status, headers, exc_info):
        if exc_info is not PROPER:
            return start(status, headers, exc_info)
        script.errors.append(LookupError("the app's own"))
        try:
            raise script.errors[-1]
        except LookupError:
            return start(status, headers, sys.exc_info())

    def write_chunk(body):
        if write is not None:
            write(body)
            script.chunks.append(body)

    def run(steps):
        for word, *arguments in steps:
            if word == "yield":
                yield arguments[0]
                continue
            try:
                actions[word](*arguments)
            except AdapterError:
                if not script.is_stubborn:
                    raise

    def chunks():
        for body in chain(ready, run(script.steps[script.eager :])):
            yield body
            script.chunks.append(body)

    actions = {
        "start": start,
        "restart": restart,
        "write": write_chunk,
        "read": environ["wsgi.input"].read,
        "raise": script.fail,
    }
    ready = list(run(script.steps[: script.eager]))
    return _Iterable(script, chunks()) if script.returned is PROPER else script.returned


def _as_long_as_announced(response):
    """``response`` without what is beyond its Content-Length, which a WSGI server leaves out."""
    lengths = [value for name, value in response.headers if name.lower() == "content-length" and value.isdecimal()]
    return response._replace(body=response.body[: min(map(int, lengths), default=None)])


# ---- ASGI ------------------------------------------------------------------------------------------------------------


async def run_asgi(script, scope, receive, send):
    """The ASGI app of ``script``."""
    script.has_run = True

    async def send_message(message):
        await send(message)
        if message["type"] == "http.response.start":
            script.status = int(message["status"])
            script.headers = [(name.decode("latin-1"), value) for name, value in message.get("headers", ())]
        else:
            script.chunks.append(bytes(message.get("body", b"")))
            script.is_complete = not message.get("more_body")

    async def listen():
        asyncio.ensure_future(receive())
        await asyncio.sleep(0)

    async def cancel():
        asyncio.current_task().cancel()

    async def start_task(steps):
        asyncio.ensure_future(run(steps))

    async def fail(error):
        script.fail(error)

    async def run(steps):
        for word, *arguments in steps:
            try:
                await actions[word](*arguments)
            except AdapterError:
                if not script.is_stubborn:
                    raise

    actions = {
        "send": send_message,
        "receive": listen,
        "sleep": lambda: asyncio.sleep(0),
        "cancel": cancel,
        "task": start_task,
        "raise": fail,
    }
    await run(script.steps)


# ---- whole invocations -----------------------------------------------------------------------------------------------


def check_invocation(interface, event, make_script):
    """Invoke a handler of the app of ``make_script()`` with each ``on_error``, and check what comes out.

    ``interface`` is ``"wsgi"`` or ``"asgi"``. The script is made twice, as a run may use up its arguments.
    """
    method = event["requestContext"]["http"]["method"]
    script = make_script()
    result = failure = None
    try:
        result = _invoke(interface, "raise", event, script)
    except BaseException as error:
        failure = error
        _check_error(error, script)
    else:
        check_result(result)
        assert received(result) == _expected(interface, script, method)
    assert script.iterables == 0

    script = make_script()
    try:
        answer = _invoke(interface, "respond", event, script)
    except (SystemExit, KeyboardInterrupt) as error:
        assert script.has_raised(error)
    else:
        check_result(answer)
        if failure is None:
            assert answer == result
        elif not (interface == "asgi" and script.is_complete and received(answer) == _expected("asgi", script, method)):
            is_bad_event = isinstance(failure, EventError) and not script.has_run
            assert answer["statusCode"] == (400 if is_bad_event else 500)
    assert script.iterables == 0


def _check_error(error, script):
    if script.has_raised(error):
        return
    assert isinstance(error, AdapterError), repr(error)
    (check_event_error if isinstance(error, EventError) else check_app_error)(error)


def _expected(interface, script, method):
    response = script.response()
    return as_the_client_gets_it(_as_long_as_announced(response) if interface == "wsgi" else response, method)


def _invoke(interface, on_error, event, script):
    _running[:] = [script]
    return _handler(interface, on_error)(event)


_running = []


@cache
def _handler(interface, on_error):
    """One handler for all runs, as in an instance: what one run leaves behind may not reach the next."""

    def wsgi(environ, start_response):
        return run_wsgi(_running[0], environ, start_response)

    async def asgi(scope, receive, send):
        await run_asgi(_running[0], scope, receive, send)

    if interface == "wsgi":
        return wrap(wsgi, on_error=on_error)
    return wrap(asgi, on_error=on_error, lifespan="off")
