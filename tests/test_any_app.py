"""Whatever an app does: a valid result, or with ``on_error="raise"`` the app's own error or one of ours."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fc_adapter import AppError, wrap
from tests.conftest import make_event
from tests.contract.test_any_input import TEXT
from tests.fuzz.choices import CODES, ERRORS, EXITS, MESSAGE_TYPES, NAMES, ODDITIES, STATUSES, VALUES
from tests.fuzz.scripts import PROPER, Script, check_invocation

pytestmark = pytest.mark.usefixtures("no_logging")

ANYTHING = st.recursive(
    st.none() | st.integers() | TEXT | st.binary() | st.builds(bytearray) | st.sampled_from(ODDITIES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=6,
)


def mostly(strategy):
    """``strategy``, or now and then anything."""
    return st.integers(0, 7).flatmap(lambda number: strategy if number else ANYTHING)


def errors(kinds):
    return st.builds(lambda kind, text: kind(text), st.sampled_from(kinds), TEXT)


def mixed(right, steps):
    """The steps of an app that is right, with up to three others among them."""
    return st.builds(put_in, right, st.lists(st.tuples(st.integers(0, 6), steps), max_size=3))


def put_in(steps, others):
    steps = list(steps)
    for at, step in others:
        steps.insert(at, step)
    return steps


def words(*arguments):
    return st.tuples(*[st.just(each) if isinstance(each, str) else each for each in arguments])


EVENTS = st.just(make_event()) | st.builds(
    make_event,
    method=st.sampled_from(["GET", "POST", "HEAD"]) | TEXT,
    raw_path=TEXT.map("/{}".format),
    headers=st.dictionaries(TEXT, TEXT, max_size=3),
    query=st.dictionaries(TEXT, TEXT, max_size=3),
    body=TEXT,
    domain=TEXT,
    source_ip=TEXT,
    protocol=TEXT,
)
BODY = st.binary(max_size=20)
HEADERS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=4)
ANY_HEADERS = st.lists(mostly(st.tuples(st.sampled_from(NAMES) | TEXT, st.sampled_from(VALUES) | TEXT)), max_size=4)

WSGI_START = mostly(st.sampled_from([*STATUSES, "99 Low", "1000 High", "٢٠٠ OK"])), mostly(ANY_HEADERS)
WSGI_STEPS = mixed(
    st.builds(
        lambda start, rest: [start, *rest],
        words("start", st.sampled_from(STATUSES), HEADERS),
        st.lists(words("yield", BODY) | words("write", BODY), max_size=4),
    ),
    words("start", *WSGI_START)
    | words("restart", *WSGI_START, mostly(st.just(PROPER)))
    | words("yield", ANYTHING)
    | words("write", ANYTHING)
    | words("read", st.integers(-1, 9))
    | words("raise", errors(ERRORS + EXITS)),
)
WSGI_SCRIPTS = st.fixed_dictionaries(
    {"steps": WSGI_STEPS, "eager": st.integers(0, 6)},
    optional={
        "returned": mostly(st.just(PROPER)),
        "close_error": errors(ERRORS + EXITS),
        "is_stubborn": st.booleans(),
    },
)


@given(EVENTS, WSGI_SCRIPTS)
def test_any_wsgi_app(event, script):
    check_invocation("wsgi", event, lambda: Script(**script))


def encode(pairs):
    return [tuple([text.encode("utf-8", "surrogatepass") for text in pair]) for pair in pairs]


def start(status, headers):
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(content, more_body):
    return {"type": "http.response.body", "body": content, "more_body": more_body}


RIGHT_ASGI_STEPS = st.builds(
    lambda first, bodies: [
        ("send", message) for message in [first, *[body(each, True) for each in bodies], body(b"", False)]
    ],
    st.builds(start, st.sampled_from(CODES), HEADERS.map(encode)),
    st.lists(BODY, max_size=3),
)
ANY_MESSAGE = (
    st.builds(start, mostly(st.sampled_from([*CODES, 99, 1000])), mostly(HEADERS.map(encode)) | st.lists(ANYTHING))
    | st.builds(body, mostly(BODY), st.booleans())
    | mostly(st.fixed_dictionaries({"type": mostly(st.sampled_from(MESSAGE_TYPES))}))
)


def asgi_steps(*more):
    simple = [words(word) for word in ("receive", "sleep", "cancel")]
    return st.one_of(words("send", ANY_MESSAGE), *simple, *more)


# A task that outlives its request would exit from another.
TASK_STEPS = st.lists(asgi_steps(words("raise", errors(ERRORS))), max_size=4)
ASGI_STEPS = asgi_steps(words("raise", errors(ERRORS + EXITS)), words("task", TASK_STEPS))


@given(EVENTS, mixed(RIGHT_ASGI_STEPS, ASGI_STEPS), st.booleans())
def test_any_asgi_app(event, steps, is_stubborn):
    check_invocation("asgi", event, lambda: Script(steps, is_stubborn=is_stubborn))


LIFESPAN_TYPES = [f"lifespan.{phase}.{how}" for phase in ("startup", "shutdown") for how in ("complete", "failed")]
LIFESPAN_MESSAGES = st.lists(
    mostly(st.fixed_dictionaries({"type": mostly(st.sampled_from(LIFESPAN_TYPES))}, optional={"message": ANYTHING})),
    max_size=2,
)


def is_reply(message, phase):
    """Whether a message answers a phase of the lifespan."""
    kinds = [f"lifespan.{phase}.complete", f"lifespan.{phase}.failed"]
    return isinstance(message, dict) and message.get("type") in kinds


def expected_failures(startup, shutdown, error, mode):
    """What the AppErrors of the startup and the shutdown begin with, or None, for the app below."""
    early_end = "the app's shutdown did not run, as its lifespan failed while the app was serving: "
    # An app that sends nothing at its startup goes on at once to what it has for its shutdown, and ends.
    ends_at_once = not startup
    first, *more = startup or shutdown or [None]
    raises = error is not None and not isinstance(error, asyncio.CancelledError)
    if not is_reply(first, "startup"):
        how = "raised" if startup or shutdown or raises else "returned"
        return (f"the app {how} " if mode == "on" else None), None
    if first["type"].endswith("failed"):
        return f"the app's startup failed: {first.get('message') or 'it gave no reason'}", None
    if not ends_at_once and [isinstance(each, dict) and each.get("type") for each in more] == [LIFESPAN_TYPES[-1]]:
        more = []  # said too early, as Starlette does before it raises; this app goes on
    if ends_at_once or more:
        return None, early_end if more or error is not None else None  # also one that is cancelled
    first, *more = shutdown or [None]
    fails = bool(shutdown) and (not is_reply(first, "shutdown") or first["type"].endswith("failed") or bool(more))
    return None, "the app's shutdown failed: " if fails or raises else None


@given(LIFESPAN_MESSAGES, LIFESPAN_MESSAGES, st.none() | errors(ERRORS), st.sampled_from(["auto", "on"]))
@example([], [{"type": LIFESPAN_TYPES[0]}], asyncio.CancelledError(), "auto")
def test_any_lifespan(startup, shutdown, error, mode):
    """A startup or shutdown that fails is an AppError; whatever it was like, the handler can be stopped."""
    startup_failure, shutdown_failure = expected_failures(startup, shutdown, error, mode)

    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})
            return
        await receive()
        for message in startup:
            await send(message)
        if startup:  # or the server would wait for ever
            await receive()
        for message in shutdown:
            await send(message)
        if error is not None:
            raise error

    handler = wrap(app, lifespan=mode, on_error="raise")
    for function in (handler.initialize, lambda: handler(make_event())):
        failure = failure_of(function)
        assert startup_failure is None or failure is not None
        assert failure is None or str(failure).startswith(startup_failure)
    failure = failure_of(handler.pre_stop)
    assert (failure is None) is (shutdown_failure is None)
    assert failure is None or str(failure).startswith(shutdown_failure)


def failure_of(function):
    """The AppError that a function raises, or None."""
    try:
        function()
    except AppError as error:
        return error
    return None
