"""Base64 as bodies travel in it: by the standard library, and for large bodies by pybase64 where it is installed.

pybase64 (the extra ``fc-adapter[fast]``) encodes and decodes many times as fast, but importing it takes about a
millisecond, which small bodies would not win back.
"""

from __future__ import annotations

import binascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LARGE = 64 * 1024  # bytes


def encode_base64(data: bytes) -> str:
    """``data`` in Base64."""
    pybase64 = _import_pybase64() if len(data) > _LARGE else None
    if pybase64 is not None:
        encoded: str = pybase64.b64encode_as_string(data)
        return encoded
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def decode_base64(text: str) -> bytes | None:
    """``text`` decoded, or None when it is not Base64 to the letter."""
    pybase64 = _import_pybase64() if len(text) > _LARGE else None
    try:
        if pybase64 is not None:
            decoded: bytes = pybase64.b64decode(text, validate=True)
            return decoded
        decoded = binascii.a2b_base64(text)
    except ValueError:  # binascii.Error, and text that is not ASCII
        return None
    # The decoder skips what is not of its alphabet, which then shows in the length of what it returns.
    padding = 2 if text.endswith("==") else text.endswith("=")
    return decoded if len(decoded) == len(text) // 4 * 3 - padding and len(text) % 4 == 0 else None


_found: list[Any] = []


def _import_pybase64() -> Any:
    """The module, or None when it is not installed."""
    if not _found:
        try:
            import pybase64
        except ImportError:
            _found.append(None)
        else:
            _found.append(pybase64)
    return _found[0]
