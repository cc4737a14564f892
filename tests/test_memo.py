"""What is remembered of header names, and how little of it there can be."""

from __future__ import annotations

import itertools
import tracemalloc

import pytest

from fc_adapter import wrap
from fc_adapter.memo import HeaderNames, HeaderSets, remember
from tests.conftest import make_event

USUAL = ["Host", "User-Agent", "Accept", "Accept-Encoding", "Cookie", "X-Forwarded-For", "X-Forwarded-Proto"]


def name_sets():
    return HeaderSets(lambda names: HeaderNames(names, "\n".join(names)) if names else None)


def test_a_key_is_looked_up_once():
    asked = []
    memory = remember(lambda key: asked.append(key) or key.upper())
    assert [memory["a"], memory["b"], memory["a"]] == ["A", "B", "A"]
    assert asked == ["a", "b"]


def test_the_oldest_is_forgotten_and_no_other():
    memory = remember(str.upper)
    names = [f"x-{number}" for number in range(1000)]
    assert [memory[name] for name in names] == [name.upper() for name in names]
    assert [*memory] == names[-128:]


def test_long_keys_are_not_remembered():
    memory = remember(str.upper)
    assert memory["x" * 101] == "X" * 101
    assert not memory


def test_a_set_of_names_is_looked_up_once():
    sets = name_sets()
    assert sets[("Host", "Accept")].text == "Host\nAccept"
    assert not sets  # until it comes again
    names = sets[("Host", "Accept")]
    assert sets[("Host", "Accept")] is names
    assert sets[()] is None


def test_oldest_sets_are_forgotten():
    sets = name_sets()
    keys = [("Host", f"X-{number}") for number in range(1000)]
    assert [sets[key].names for key in keys] == keys
    assert not sets
    for key in keys:
        assert (sets[key], sets[key])[1].names == key
    assert [*sets] == keys[-128:]


@pytest.mark.parametrize("names", [("X" * 1025,), tuple(map(str, range(65))), ()], ids=["long", "many", "none"])
def test_sets_that_are_large_or_not_to_be_used_are_not_remembered(names):
    sets = name_sets()
    assert sets[names] is None or sets[names].names == sets[names].names == names
    assert not sets


def strange_names(kind, number):
    """The names of a request, which are others for each ``number``."""
    if kind == "many":
        return [f"n{number}-{place}" for place in range(150)]
    if kind == "strange":
        return [*USUAL, *[f"X-Strange-{number:08}-{place}" for place in range(20)]]
    if kind == "long":
        return [f"{number:0600}-{place}" for place in range(12)]
    if kind == "huge":
        return [*USUAL, f"{number:07000}"]
    return [
        *USUAL,
        "".join(letter.upper() if number >> bit & 1 else letter for bit, letter in enumerate("x-abcdefghijkl")),
    ]


async def asgi(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(scope["headers"][-1][0][:60], b"")]})
    await send({"type": "http.response.body"})


def wsgi(environ, start_response):
    start_response("200 OK", [(max(environ)[-60:], "")])
    return []


@pytest.mark.parametrize("app", [wsgi, asgi])
def test_requests_with_any_header_names_leave_nothing_behind(app):
    handler = wrap(app, **({"lifespan": "off"} if app is asgi else {}))

    def call(kind, number):
        assert handler(make_event(headers=dict.fromkeys(strange_names(kind, number), "v")))["statusCode"] == 200

    kinds = ["many", "strange", "long", "huge", "spelled"]
    for kind in kinds:
        call(kind, 0)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number, kind in itertools.product(range(1, 300), kinds):
            call(kind, number)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    handler.pre_stop()
    assert after - before < 2_000_000
