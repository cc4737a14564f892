"""Every request gets the same answer from Gunicorn and through the adapter, but for what the platform itself loses."""

from __future__ import annotations

import gc

import pytest

from .answers import CONTENTS, SEEN
from .cells import contents_of, each_cell, judge, requests_of, seen_by
from .differences import differences, received_query
from .exchange import through_adapter, through_socket
from .scenarios import BYTE_PATHS, BYTE_QUERIES, MOUNTED
from .servers import GUNICORN, RAW_APPS, WSGI_APPS, serve_all

gunicorn_config = pytest.importorskip("gunicorn.config", reason="Gunicorn is for Unix alone")

FRAMEWORKS = [app for app in WSGI_APPS if app not in RAW_APPS]

SERVER = [
    *GUNICORN,
    # Newer versions open a socket in the user's home directory; older ones do not know the option.
    *(setting.cli[0] for setting in gunicorn_config.KNOWN_SETTINGS if setting.name == "control_socket_disable"),
]

pytestmark = pytest.mark.filterwarnings(
    # Bottle and Pyramid leave the temporary files of large requests to the garbage collector.
    r"ignore:unclosed file <_io.(BufferedRandom|FileIO.* mode='rb\+'):ResourceWarning"
)


@pytest.fixture(scope="module", autouse=True)
def collect_garbage():
    """Here, where its warnings are expected."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def ports(files):
    """The port of each app's Gunicorn: all start at once, and serve the whole module."""
    with serve_all(SERVER, WSGI_APPS) as ports:
        yield ports


@pytest.fixture(scope="module")
def mounted_ports(files):
    """The same, with each app below ``/api``."""
    with serve_all([*SERVER, "--env", "SCRIPT_NAME=/api"], WSGI_APPS) as ports:
        yield ports


@each_cell(WSGI_APPS)
def test_same_answer(ports, get_handler, app, split, name):
    request = requests_of(app)[name]
    theirs = through_socket(ports[app], request)
    ours = through_adapter(get_handler(app, split_query=split), request)
    assert judge(app, name, request, theirs, ours, split=split) == {}


@pytest.mark.parametrize("app", WSGI_APPS)
@pytest.mark.parametrize("name", MOUNTED)
def test_same_answer_below_a_base_path(mounted_ports, get_handler, app, name):
    theirs = through_socket(mounted_ports[app], MOUNTED[name])
    ours = through_adapter(get_handler(app, base_path="/api"), MOUNTED[name])
    assert judge(app, name, MOUNTED[name], theirs, ours) == {}


@pytest.mark.parametrize("app", WSGI_APPS)
def test_path_with_each_byte(ports, get_handler, app):
    for name, request in BYTE_PATHS.items():
        theirs, ours = through_socket(ports[app], request), through_adapter(get_handler(app), request)
        assert judge(app, name, request, theirs, ours) == {}, name


@pytest.mark.parametrize("app", FRAMEWORKS)
def test_query_with_each_ascii_character(ports, get_handler, app):
    """The names and values are the same; how they are written is not."""
    for name, request in BYTE_QUERIES.items():
        theirs = through_socket(ports[app], request)
        found = differences(theirs, through_adapter(get_handler(app, split_query=False), request))
        assert found.keys() <= received_query().keys(), name


@pytest.mark.parametrize("app", FRAMEWORKS)
def test_app_sees_what_was_sent(get_handler, app):
    assert seen_by(get_handler(app, split_query=("tag",))) == SEEN


@pytest.mark.parametrize("app", WSGI_APPS)
def test_client_gets_what_the_app_gave(get_handler, app):
    assert contents_of(get_handler(app)) == CONTENTS
