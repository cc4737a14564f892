"""Frames between the gateway and an instance."""

from __future__ import annotations

import io

import pytest

from fc_adapter.runner import frames
from fc_adapter.runner.frames import Frame, read_frame, write_frame


def test_there_and_back():
    stream = io.BytesIO()
    write_frame(stream, "invoke", b"\0\n\xff", request_id="1-你")
    write_frame(stream, "started")
    stream.seek(0)
    assert read_frame(stream) == Frame("invoke", {"request_id": "1-你"}, b"\0\n\xff")
    assert read_frame(stream) == Frame("started", {}, b"")
    assert read_frame(stream) is None


@pytest.mark.parametrize(
    "data",
    [
        b'{"kind": "x", "size": 3}',
        b'{"kind": "x", "size": 3}\nab',
        b'{"kind": "x"}\n',
        b'{"size": 0}\n',
        b'{"kind": "x", "size": "3"}\nabc',
        b"[]\n",
        b"printed\n",
        b"[" * 100_000 + b"\n",
        b'{"kind": "x", "size": 1e400}\n',
        b'{"kind": "x", "size": 1000000000000000000000000000000}\n',
        b"\xff\n",
        b'{"kind": "x", "size": -1}\nabc',
    ],
    ids=lambda data: data[:50],
)
def test_what_is_no_frame(data):
    assert read_frame(io.BytesIO(data)) is None


def test_line_without_an_end_is_not_held(monkeypatch):
    monkeypatch.setattr(frames, "_HEADER_BYTES", 100)
    stream = io.BytesIO(b"x" * 1000)
    assert read_frame(stream) is None
    assert stream.tell() == 100
