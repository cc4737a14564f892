"""What both halves of the matrix share: the files that apps serve, and the adapter around each app."""

from __future__ import annotations

import os
from functools import cache

import pytest

import fc_adapter

from ..apps.content import EVERY_BYTE
from .half import Half

# Its event emitter is one for all runs of its lifespan, and several handlers share the app here.
LIFESPANS = {"litestar_asgi": "off"}


def pytest_generate_tests(metafunc):
    """Give the tests of a half of the matrix their apps and requests."""
    if metafunc.cls is not None and issubclass(metafunc.cls, Half):
        names, values, ids = metafunc.cls.parameters(metafunc.function.__name__)
        metafunc.parametrize(names, values, ids=ids)


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """The directory that both processes serve, whose files are old."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "folder").mkdir()
    for name, content in {
        "every byte.bin": EVERY_BYTE,
        "hello.txt": b"hello",
        "empty.txt": b"",
        "long.js": b"0123456789" * 20_000,
        "你好.html": "你好".encode(),
        "index.html": b"<h1>index</h1>",
        "404.html": b"<h1>missing</h1>",
        "folder/index.html": b"<h1>folder</h1>",
    }.items():
        (folder / name).write_bytes(content)
        os.utime(folder / name, (1_600_000_000, 1_600_000_000))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("MATRIX_FILES", str(folder))
        yield folder


@pytest.fixture(scope="module")
def get_handler(files):
    """The adapter around an app, which is imported into this process, with some options."""
    handlers = []

    @cache
    def get_handler(app, *, split_query=True, base_path=""):
        options = {"lifespan": LIFESPANS.get(app, "auto"), "split_query": split_query, "base_path": base_path}
        handlers.append(fc_adapter.wrap(f"tests.apps.{app}:app", **options))
        return handlers[-1]

    yield get_handler
    for handler in handlers:
        handler.pre_stop()
