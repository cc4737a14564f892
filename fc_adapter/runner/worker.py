"""The process of an instance: it loads the function, and serves the gateway's frames until they end.

Standard input and output are the pipe to the gateway. They are moved away before the function is loaded, so that what
it reads and prints does not get into the pipe; what it prints goes to standard error, which the gateway collects. The
runtime's own lines have a descriptor of their own, since functions close and replace the standard ones.
"""

from __future__ import annotations

import os
import pickle
import sys
from typing import Any, BinaryIO, TextIO

from . import stacks
from .frames import Frame, read_frame, write_frame
from .runtime import Runtime, dump_error, format_traceback


def main() -> None:
    """Serve frames of the kinds ``invoke`` (payload: the event) and ``hook``, until the pipe is closed.

    Each reply repeats the ``token`` of its request.
    """
    log = _open_log()
    requests, replies = _take_pipe()
    # Closed when this ends, whatever else holds them: the gateway learns from it, also where threads run on.
    with requests, replies:
        _serve_frames(requests, replies, log)


def _serve_frames(requests: BinaryIO, replies: BinaryIO, log: TextIO) -> None:
    first = read_frame(requests)
    if first is None:
        return
    pid = os.getpid()
    runtime = Runtime(pickle.loads(first.payload), tap=first.fields["tap"], noted=first.fields["noted"])
    runtime.start_logging(log)
    running: list[str] = []  # the token of the request that the function is at

    def tell_stacks(text: str) -> None:  # pragma: no cover - a process that is asked this is killed, and its data lost
        for token in running:
            write_frame(replies, "stacks", text.encode("utf-8", "backslashreplace"), token=token)

    stacks.install(tell_stacks, log)
    try:
        runtime.load()
    except Exception as error:
        _write_error(replies, error, first, error_type="ImportModuleError")
        return
    facts: dict[str, Any] = {"pid": pid, "handler": runtime.handler_kind, "noted": sorted(runtime.noted)}
    write_frame(replies, "started", **facts, token=first.fields["token"])
    while True:
        frame = read_frame(requests)
        if frame is None:
            return
        running.append(frame.fields["token"])
        try:
            result = _serve(runtime, frame, log)
        except Exception as error:
            running.clear()
            _leave_if_forked(pid)
            _write_error(replies, error, frame)
        else:
            running.clear()
            _leave_if_forked(pid)
            write_frame(replies, "result", result, report=runtime.report(), token=frame.fields["token"])


def _leave_if_forked(pid: int) -> None:
    """A child that the handler has forked must not answer, too: the reply would be taken for the next request's."""
    if os.getpid() != pid:  # pragma: no cover - a child that leaves like this writes no coverage data
        os._exit(0)


def _write_error(replies: BinaryIO, error: Exception, request: Frame, *, error_type: str | None = None) -> None:
    data = dump_error(error, error_type=error_type)
    write_frame(replies, "error", data, traceback=format_traceback(error), token=request.fields["token"])


def _serve(runtime: Runtime, frame: Frame, log: TextIO) -> bytes:
    request_id = frame.fields["request_id"]
    if frame.kind == "hook":
        runtime.call_hook(frame.fields["handler"], request_id)
        return b""
    print(f"FC Invoke Start RequestId: {request_id}", file=log)
    try:
        return runtime.invoke(frame.payload, request_id)
    finally:
        print(f"FC Invoke End RequestId: {request_id}", file=log)


def _open_log() -> TextIO:
    """Where standard error goes, for as long as this process lives."""
    return os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace", buffering=1)


def _take_pipe() -> tuple[BinaryIO, BinaryIO]:
    """The pipe to the gateway, which standard input and output no longer are."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    for name in ("stdout", "stderr"):
        getattr(sys, name).reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    return requests, replies
