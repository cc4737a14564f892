"""What went wrong in an invocation: the exception, and the line of the user's own code that it comes from.

It is in the function's error, or in a traceback that the function logged or printed before it answered with a 500.
"""

from __future__ import annotations

import linecache
import os
import re
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple

from ..config.function import Function
from ..config.target import Target
from .describe import read_error
from .entry import Entry
from .masking import Masker, mask_json
from .reasons import find_reason

_BEGIN = "Traceback (most recent call last):"
_STACK = "(most recent call first):"  # as faulthandler prints them
# Whatever a client gets into the log can look so: no path has a NUL, and no file so many lines.
_FRAME = re.compile(r' *File "(?P<file>[^"\0]*)", line (?P<line>\d{1,9})(?:,? in (?P<name>.*))?')
_TITLE = re.compile(r" *(?:main thread|thread .+|task .+):")  # as `runner.stacks` has them
_HEADLINE = re.compile(r"(?P<type>[A-Za-z_][\w.<>]*)(?:: (?P<message>.*))?")
_GROUP = re.compile(r" *[|+] (?=\S|  )")
_RECORD = re.compile(r"\d{4}-\d\d-\d\dT|FC Invoke ")  # how a line begins that is not of a traceback
_MESSAGE_LINES = 20
_FRAMES = 200
_PACKAGES = ("site-packages", "dist-packages")
_ADAPTER = str(Path(__file__).resolve().parent.parent)
_STANDARD = tuple({os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")})


class Frame(NamedTuple):
    """One step of a traceback; ``code`` is its line, or ``""``."""

    file: str
    line: int
    name: str
    code: str = ""


class Trace(NamedTuple):
    """An exception, or a thread's stack, for which ``kind`` is ``""``. The frames end with where it was raised."""

    kind: str
    message: str
    frames: list[Frame]


def parse_traces(lines: list[str]) -> list[Trace]:
    """The tracebacks and stacks in ``lines``, such as those of a log, in their order."""
    traces: list[Trace] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        index += 1
        if line.endswith(_BEGIN):
            index = _read_traceback(lines, index, traces)
        elif line.endswith(_STACK):
            frames, index = _read_frames(lines, index)
            traces.append(Trace("", "", frames[::-1]))
    return traces


def parse_stacks(lines: list[str]) -> list[Trace]:
    """Where threads and tasks stood, as the runner tells it of a function that it has stopped."""
    traces: list[Trace] = []
    for line in lines:
        match = _FRAME.fullmatch(line)
        if _TITLE.fullmatch(line):
            traces.append(Trace("", "", []))
        elif match is not None and traces:
            traces[-1].frames.append(Frame(match["file"], int(match["line"]), match["name"] or ""))
        elif traces and traces[-1].frames and not traces[-1].frames[-1].code:
            traces[-1].frames[-1] = traces[-1].frames[-1]._replace(code=line.strip())
    return traces


def _read_traceback(lines: list[str], index: int, traces: list[Trace]) -> int:
    is_group = _GROUP.match(lines[index - 1]) is not None
    if is_group or "Exception Group" in lines[index - 1]:
        lines = [_GROUP.sub("", line, count=1) for line in lines]
    frames, index = _read_frames(lines, index)
    headline = _HEADLINE.fullmatch(lines[index]) if index < len(lines) else None
    if headline is None:
        return index
    message = [headline["message"] or ""]
    index += 1
    while index < len(lines) and len(message) < _MESSAGE_LINES and not _ends_message(lines[index]):
        message.append(lines[index])
        index += 1
    traces.append(Trace(headline["type"], "\n".join(message).rstrip(), frames))
    return index


def _ends_message(line: str) -> bool:
    return (
        not line.strip()
        or line.endswith((_BEGIN, _STACK))
        or line.lstrip().startswith("+-")
        or bool(_RECORD.match(line))
    )


def _read_frames(lines: list[str], index: int) -> tuple[list[Frame], int]:
    """The frames from ``lines[index]`` on, and where they end: at the first line that is not indented."""
    frames: list[Frame] = []
    while index < len(lines) and lines[index].startswith(" "):
        match = _FRAME.fullmatch(lines[index])
        if match is not None:
            frames.append(Frame(match["file"], int(match["line"]), match["name"] or ""))
        elif frames and not frames[-1].code and lines[index].startswith("    "):
            frames[-1] = frames[-1]._replace(code=lines[index].strip())
        index += 1
    return frames[-_FRAMES:], index


class Code:
    """Tells the function's own code from that of libraries."""

    def __init__(self, function: Function) -> None:
        directory = function.handler.directory if isinstance(function.handler, Target) else Path()
        self._directory = os.path.realpath(directory)

    def describe(self, frame: Frame) -> dict[str, Any]:
        """A frame as JSON; ``library`` is the name of the library that it is of, ``""`` in the function's own code."""
        path = os.path.realpath(frame.file)
        library = self._library(path)
        return {
            "file": os.path.relpath(path, self._directory).replace(os.sep, "/") if not library else frame.file,
            "line": frame.line,
            "name": frame.name,
            "code": frame.code or (linecache.getline(path, frame.line).strip() if not library else ""),
            "library": library,
        }

    def _library(self, path: str) -> str:
        parts = Path(path).parts
        for index, part in enumerate(parts[:-1]):
            if part in _PACKAGES:
                return Path(parts[index + 1]).stem
        if path.startswith(_ADAPTER + os.sep):
            return "fc_adapter"
        if not path.startswith(self._directory + os.sep):
            return "Python" if path.startswith(_STANDARD) or "<" in path else Path(path).stem
        inside = Path(os.path.relpath(path, self._directory)).parts
        # The packages of a bundle are in python/.
        return Path(inside[1]).stem if inside[0] == "python" and len(inside) > 1 else ""


def describe_failure(entry: Entry, code: Code, mask: Masker) -> dict[str, Any] | None:
    """What went wrong, or None.

    - ``kind``: ``"error"`` (the function raised), ``"logged"`` (it logged an exception), ``"stopped"`` (by the runner).
    - ``type``, ``message``; ``frames`` as ``Code.describe`` has them, ``own`` the last one of the user's own code;
      ``causes``: the exceptions before this one, the nearest first; ``reason``: of the runner, see ``find_reason``.
    """
    exchange = entry.exchange
    if exchange is None:
        return None
    reply = exchange.reply
    logged = parse_traces([line.data.decode("utf-8", "backslashreplace").rstrip("\r\n") for line in list(entry.lines)])
    if reply is not None and reply.kind == "error":
        document = read_error(reply)
        lines = str(reply.traceback or "").splitlines()
        traces = parse_traces(lines)
        if "errorType" not in document and not traces:
            return _describe_stop(document.get("errorMessage", ""), [*parse_stacks(lines), *logged], code, mask)
        traces = traces or [_from_document(document)]
        # The platform has other words for what it says of an import that failed, and of an exit.
        kind = traces[-1].kind or document.get("errorType", "")
        last = traces[-1]._replace(kind=kind, message=document.get("errorMessage", ""))
        return _describe([*traces[:-1], last], "error", code, mask)
    if reply is not None and reply.kind == "aborted":
        return _describe_stop(reply.describe_error(), logged, code, mask)
    exceptions = [trace for trace in logged if trace.kind]
    return _describe(exceptions, "logged", code, mask) if exceptions else None


def _describe_stop(message: str, logged: list[Trace], code: Code, mask: Masker) -> dict[str, Any]:
    """Why the runner stopped it, and where it stood, if the log tells."""
    stacks = [trace for trace in logged if not trace.kind]
    found = _describe([_best_stack(stacks, code)], "stopped", code, mask)
    return {**found, "message": mask(message), "reason": find_reason(mask(message))}


def _best_stack(stacks: list[Trace], code: Code) -> Trace:
    """The first stack that stands in the user's own code; the last one if none does."""
    for trace in stacks:
        if any(not code.describe(frame)["library"] for frame in trace.frames):
            return trace
    return stacks[-1] if stacks else Trace("", "", [])


def _describe(traces: list[Trace], kind: str, code: Code, mask: Masker) -> dict[str, Any]:
    shown = [_describe_trace(trace, code) for trace in traces]
    causes, last = shown[-2::-1], shown[-1]
    described = {"kind": kind, **last, "causes": causes}
    if last["own"] is None:
        # The user's line may be in what led to it: a framework raises an error of its own instead.
        described["via"] = next((cause["own"] for cause in causes if cause["own"] is not None), None)
    masked: dict[str, Any] = mask_json(described, mask)
    return masked


def _describe_trace(trace: Trace, code: Code) -> dict[str, Any]:
    frames = [code.describe(frame) for frame in trace.frames]
    own = next((frame for frame in reversed(frames) if not frame["library"]), None)
    return {"type": trace.kind, "message": trace.message, "frames": frames, "own": own}


def _from_document(document: dict[str, Any]) -> Trace:
    """The stack trace of the platform's error object: lists of a file, a line, a function and its code."""
    frames = []
    for parts in document.get("stackTrace", ()):
        match = _FRAME.fullmatch(", ".join(parts[:2]) + (f", {parts[2]}" if len(parts) > 2 else ""))
        if match is not None:
            code = parts[3] if len(parts) > 3 else ""
            frames.append(Frame(match["file"], int(match["line"]), match["name"] or "", code))
    return Trace("", "", frames)
