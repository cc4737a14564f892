"""Base64 with and without pybase64: the same texts, and the same ones refused."""

import base64
import os
import sys

import pybase64
import pytest

from fc_adapter.contract.base64 import decode_base64, encode_base64

LARGE = 100_000


@pytest.fixture(params=["with pybase64", "without"])
def either_way(request, monkeypatch):
    """Run a test with pybase64, which is found at the first large body, and without it."""
    monkeypatch.setattr("fc_adapter.contract.base64._found", [None] if request.param == "without" else [])


@pytest.mark.parametrize("size", [0, 1, 2, 3, 65_536, LARGE, LARGE + 1, LARGE + 2])
def test_there_and_back(either_way, size):
    data = os.urandom(size)
    text = encode_base64(data)
    assert text == base64.b64encode(data).decode()
    assert decode_base64(text) == data


@pytest.mark.parametrize("size", [1, LARGE])
@pytest.mark.parametrize("spoil", ["{}=", "{}A", "{} ", "\n{}", "-{}", "{}你", "{}===="])
def test_what_is_not_base64(either_way, size, spoil):
    text = base64.b64encode(b"\xff" * 3 * size).decode()
    assert decode_base64(text) is not None
    assert decode_base64(spoil.format(text)) is None


def test_large_bodies_go_through_pybase64(monkeypatch):
    sizes = []

    def spy(function):
        return lambda data, **options: (sizes.append(len(data)), function(data, **options))[1]

    for name in ("b64encode_as_string", "b64decode"):
        monkeypatch.setattr(pybase64, name, spy(getattr(pybase64, name)))
    for size in (3, LARGE):
        assert len(decode_base64(encode_base64(bytes(size)))) == size
    assert sizes == [LARGE, len(base64.b64encode(bytes(LARGE)))]


def test_pybase64_need_not_be_installed(monkeypatch):
    monkeypatch.setattr("fc_adapter.contract.base64._found", [])
    monkeypatch.setitem(sys.modules, "pybase64", None)  # an import of it fails
    assert decode_base64(encode_base64(bytes(LARGE))) == bytes(LARGE)
