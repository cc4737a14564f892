"""Messages between the gateway and an instance, over a pair of byte streams.

A frame is one line of JSON, an object with ``kind`` and ``size`` among its keys, and then ``size`` bytes of payload.
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO, NamedTuple

_HEADER_BYTES = 64 * 1024 * 1024  # a traceback is in it; what is longer would fill the memory


class Frame(NamedTuple):
    """One message: its ``kind``, further ``fields`` (JSON-compatible), and a ``payload`` of bytes."""

    kind: str
    fields: dict[str, Any]
    payload: bytes


def write_frame(stream: BinaryIO, kind: str, payload: bytes = b"", **fields: Any) -> None:
    """Send one frame. Raises OSError when the other end is gone."""
    header = json.dumps({**fields, "kind": kind, "size": len(payload)}).encode("ascii")
    stream.write(header + b"\n")
    stream.write(payload)
    stream.flush()


def read_frame(stream: BinaryIO) -> Frame | None:
    """Receive one frame, or None when the other end is gone, maybe in the middle of a frame, or sent no frame."""
    line = stream.readline(_HEADER_BYTES)
    if not line.endswith(b"\n"):
        return None
    try:
        fields = json.loads(line)
        kind, size = fields.pop("kind"), fields.pop("size")
        payload = stream.read(max(size, 0))
    except Exception:  # a function that writes to every descriptor it finds can send anything
        return None
    return Frame(kind, fields, payload) if len(payload) == size else None
