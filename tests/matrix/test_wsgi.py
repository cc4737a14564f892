"""Every request gets the same answer from Gunicorn and through the adapter, but for what the platform itself loses."""

from __future__ import annotations

import gc

import pytest

from .half import Half
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


class TestWSGI(Half):
    apps = WSGI_APPS
    frameworks = FRAMEWORKS
