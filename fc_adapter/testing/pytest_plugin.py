"""Fixtures for pytest, which loads this module where fc-adapter is installed; it imports little until they are used.

- ``fc_client``: a ``Client`` of the function, with cookies of its own for each test.
- ``fc_server``: the function on the local platform, with its address as ``fc_server.url``, for the whole session.
- ``fc_handler``: the function's handler, or its name: that of ``--fc-handler`` or of the option ``fc_handler`` in
  pytest's configuration, else ``"index:handler"``. Override it to test a handler that your tests make.

What ``fc-adapter build`` has made is not searched for tests.

The hooks run around the session: ``initialize`` before the first test that uses a fixture, ``pre_stop`` at the end.
"""

from __future__ import annotations

import os

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path
    from typing import Any, Union

    from ..runner.platform import LocalPlatform
    from .client import Client

    Handler = Union[str, Callable[..., Any]]

_DEFAULT = "index:handler"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--fc-handler`` and ``fc_handler``."""
    text = f"handler of the fixtures fc_client and fc_server: index:handler or path/to/index.py:handler ({_DEFAULT})"
    parser.getgroup("fc_adapter").addoption("--fc-handler", metavar="NAME", help=text)
    parser.addini("fc_handler", text, default=_DEFAULT)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out what ``fc-adapter build`` has made.

    Some packages have tests among their modules. To collect those would put the function's packages, which may be built
    for another Python, before the ones that the tests import.
    """
    from ..config.runtimes import STAMP

    return True if (collection_path / STAMP).is_file() else None


@pytest.fixture(scope="session")
def fc_handler(request: pytest.FixtureRequest) -> Handler:
    """The handler's name, from the command line or the configuration. Override it to give a handler, or a name."""
    config = request.config
    name: str = config.getoption("--fc-handler") or config.getini("fc_handler")
    return os.path.join(config.rootpath, name)


@pytest.fixture(scope="session")
def _fc_session(fc_handler: Handler) -> Generator[Client, None, None]:
    from .client import Client

    with Client(fc_handler) as client:
        yield client


@pytest.fixture
def fc_client(_fc_session: Client) -> Client:
    """A client of the function, without cookies."""
    return _fc_session.renew()


@pytest.fixture(scope="session")
def fc_server(fc_handler: Handler) -> Generator[LocalPlatform, None, None]:
    """The function on the local platform, in a process of its own where ``fc_handler`` is a name.

    What it logs and prints is logged by the logger ``fc_server``, so that pytest shows it beside a test that fails.
    """
    from .local import serve_function

    with serve_function(fc_handler) as platform:
        yield platform
