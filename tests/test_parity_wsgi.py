"""Every request gets the same answer from Gunicorn and through the adapter, but for what the trigger itself loses."""

from __future__ import annotations

import sys
from functools import cache

import pytest

import fc_adapter

from .parity import compare, http, serve_all, through_adapter, through_socket
from .parity_cases import (
    BYTE_PATHS,
    BYTE_QUERIES,
    ECHOED,
    FRAMEWORK,
    MOUNTED,
    ODD,
    PLATFORM_DIFFERENCES,
    REWRITTEN,
    UNTYPED,
    Difference,
    each_exchange,
    get_and_head,
    misnamed,
    received_query,
    select,
    surprises,
)

gunicorn_config = pytest.importorskip("gunicorn.config", reason="Gunicorn is for Unix alone")

APPS = {
    "raw": "tests.apps.raw_wsgi:app",
    "flask": "tests.apps.flask_wsgi:app",
    "django": "tests.apps.django_wsgi:app",
}

GUNICORN = [
    *(sys.executable, "-m", "gunicorn", "--bind", "fd://{fd}", "--workers", "1", "--worker-class", "sync"),
    *("--forwarded-allow-ips", "127.0.0.1", "--log-level", "error"),
    # Newer versions open a socket in the user's home directory; older ones do not know the option.
    *(setting.cli[0] for setting in gunicorn_config.KNOWN_SETTINGS if setting.name == "control_socket_disable"),
]


@pytest.fixture(scope="module")
def ports():
    """The port of each app's Gunicorn: all start at once, and serve the whole module."""
    with serve_all(GUNICORN, APPS) as ports:
        yield ports


@pytest.fixture(scope="module")
def mounted_ports():
    """The same, with each app below ``/api``."""
    with serve_all([*GUNICORN, "--env", "SCRIPT_NAME=/api"], APPS) as ports:
        yield ports


@cache
def get_handler(app, split_query=True, base_path=""):
    """The adapter around an app, which is imported into this process."""
    return fc_adapter.wrap(APPS[app], split_query=split_query, base_path=base_path)


RAW = {
    **ODD,
    **get_and_head(
        "/late-start",
        "/write",
        "/replaced",
        "/wrapped-file",
        "/blanks",
        "/sequence",
        "/no-content",
        "/length-too-small",
    ),
    "input in lines": http("POST", "/lines", body=b"abcdef\nghi\r\n\njkl\nmno\n\xff"),
    "input in lines, empty": http("POST", "/lines", body=b""),
    "input in lines, none": http("GET", "/lines"),
}

REQUESTS = {
    "raw": {**ECHOED, **RAW},
    "flask": {**ECHOED, **FRAMEWORK},
    "django": {**ECHOED, **FRAMEWORK},
}

KNOWN_DIFFERENCES = [
    *PLATFORM_DIFFERENCES,
    Difference(REWRITTEN, ("query ",), received_query(), unseen_by=("flask", "django")),
    Difference(
        UNTYPED + "; Flask has no body in answer to HEAD",
        ("HEAD /untyped",),
        {"headers.content-type": b"application/json"},
        unseen_by=("django",),
    ),
    Difference(
        "Gunicorn adds to the headers where PEP 3333 has start_response replace them",
        ("GET /replaced", "HEAD /replaced"),
        {"headers.content-type": b"text/plain; charset=utf-8", "headers.x-first": None},
    ),
]


@each_exchange(REQUESTS)
def test_same_answer(ports, app, split, name):
    request = REQUESTS[app][name]
    theirs = through_socket(ports[app], request)
    ours = through_adapter(get_handler(app, split), request)
    assert surprises(theirs, ours, select(KNOWN_DIFFERENCES, app, name, split)) == {}


def test_known_differences_name_requests():
    assert misnamed(KNOWN_DIFFERENCES, REQUESTS) == set()


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("name", MOUNTED)
def test_same_answer_below_a_base_path(mounted_ports, app, name):
    assert compare(mounted_ports[app], get_handler(app, base_path="/api"), MOUNTED[name]) == {}


@pytest.mark.parametrize("app", APPS)
def test_path_with_each_byte(ports, app):
    found = {byte: compare(ports[app], get_handler(app), request) for byte, request in BYTE_PATHS.items()}
    assert {byte: pairs for byte, pairs in found.items() if pairs} == {}


@pytest.mark.parametrize("app", ["flask", "django"])
def test_query_with_each_ascii_character(ports, app):
    """The names and values are the same; how they are written is not (``PLATFORM_DIFFERENCES``)."""
    found = {byte: compare(ports[app], get_handler(app, False), request) for byte, request in BYTE_QUERIES.items()}
    assert {byte: pairs for byte, pairs in found.items() if pairs.keys() - received_query()} == {}
