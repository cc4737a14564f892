"""What reaches the terminal: text from requests, files and errors, without what a terminal would obey."""

from __future__ import annotations

import contextlib
import re
import sys

# Control characters (C0 but for the line feed, DEL, C1), other line breaks, marks that change the order in which text
# is shown (CVE-2021-42574), and surrogates, which have no encoding.
_UNSAFE = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LEFT_EDGE = re.compile(r"\n(?=\S)")


def printable(text: str) -> str:
    r"""``text`` with each control character as an escape such as ``\x1b``.

    Line breaks stay, but a line after the first never begins at the left edge: there, the runner's own lines begin.
    """
    return _LEFT_EDGE.sub("\n  ", _UNSAFE.sub(_escape, text))


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def escape_json(text: str) -> str:
    r"""JSON that says the same without control characters (those below U+0020 it cannot hold anyway)."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def tell(*lines: str) -> None:
    """Write lines to standard output."""
    print("\n".join(map(printable, lines)))


def warn(text: str) -> None:
    """Write a line to standard error, in one piece. What cannot be written is lost."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{printable(text)}\n")
        sys.stderr.flush()
