"""Where the threads and tasks of an instance stand: told a moment before it is killed for its timeout.

The runner sends a signal, and the worker's handler of it answers. Such a handler runs once the main thread comes back
from C to Python, which a sleep, a lock or a socket lets it do. To what does not come back, the runner sends another
signal, at which ``faulthandler`` writes the stacks into the log without any help of Python's. Functions have no use for
either signal; no thread is started, and nothing is looked at in a function that is in time.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import re
import signal
import sys
import textwrap
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any, NamedTuple, TextIO

# The names of both signals, of which Windows and macOS have none.
TELL, DUMP = "SIGRTMAX", "SIGRTMIN"

_CHARACTERS = 32_000  # of the whole text
_ADAPTER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
_STANDARD = os.path.join(os.path.dirname(os.__file__), "")
# Installed packages; `s build` and `fc-adapter init` have those of the function in a directory `python`.
_INSTALLED = re.compile(r"[/\\](?:site-packages|dist-packages|code[/\\]python|\.s[/\\]python)[/\\]")


def install(tell: Callable[[str], None], log: TextIO) -> None:
    """Let ``tell(text)`` be called at the signal TELL, and ``log`` be written at DUMP. Needs the main thread."""

    def answer(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(Exception):  # it comes at any point of the function
            tell(describe(frame))

    if hasattr(signal, TELL):  # pragma: no branch - on other systems
        signal.signal(getattr(signal, TELL), answer)
        faulthandler.register(getattr(signal, DUMP), file=log, all_threads=True)


class _Stack(NamedTuple):
    """The stack of a thread or task, outermost call first, without the adapter's own frames."""

    title: str
    frames: list[traceback.FrameSummary]

    def format(self) -> str:
        """The stack as tracebacks are written, but what leads from a library to a library as one line."""
        lines = [f"{self.title}:"]
        folded = 0
        for frame in self.frames:
            if _is_library(frame) and frame is not self.frames[-1]:
                folded += 1
                continue
            lines += [f"    (calls in libraries: {folded})"] * bool(folded)
            lines.append(textwrap.indent(traceback.format_list([frame])[0].rstrip("\n"), "  "))
            folded = 0
        return "\n".join(lines)


def describe(frame: FrameType | None) -> str:
    """Where the main thread (at ``frame``), the other threads, and the tasks of its event loop are in the user's code.

    If none is, where they are in libraries.
    """
    stacks = [*_thread_stacks(frame), *_task_stacks()]
    chosen = [stack for stack in stacks if not all(map(_is_library, stack.frames))] or stacks
    others = len(stacks) - len(chosen)
    further = [f"(further threads and tasks, in libraries only: {others})"] if others else []
    return "\n".join([*(stack.format() for stack in chosen), *further])[:_CHARACTERS]


def _is_library(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith((_STANDARD, "<")) or _INSTALLED.search(frame.filename) is not None


def _summarize(title: str, frames: Iterable[tuple[FrameType, int]]) -> Iterator[_Stack]:
    summary = traceback.StackSummary.extract(frames)
    shown = [each for each in summary if not each.filename.startswith((_ADAPTER, "<string>"))]
    if shown:
        yield _Stack(title, shown)


def _thread_stacks(frame: FrameType | None) -> Iterator[_Stack]:
    names = {number: thread.name for number, thread in list(threading._active.items())}  # type: ignore[attr-defined]
    main = threading.main_thread().ident
    yield from _summarize("main thread", reversed([*traceback.walk_stack(frame)]))
    for number, innermost in sys._current_frames().items():
        if number != main:
            yield from _summarize(f"thread {names.get(number, number)}", reversed([*traceback.walk_stack(innermost)]))


def _task_stacks() -> Iterator[_Stack]:
    asyncio: Any = sys.modules.get("asyncio")
    if asyncio is None:
        return
    loop = asyncio._get_running_loop()
    if loop is not None:
        for task in sorted(asyncio.all_tasks(loop), key=lambda task: str(task.get_name())):
            frames = ((each, each.f_lineno) for each in _await_chain(task.get_coro()))
            yield from _summarize(f"task {task.get_name()}", frames)


def _await_chain(awaited: Any) -> Iterator[FrameType]:
    """The frames of a coroutine, and of what it waits for, down to what is not written in Python."""
    while awaited is not None:
        kind = next((kind for kind in ("cr", "gi", "ag") if hasattr(awaited, f"{kind}_frame")), None)
        if kind is None or getattr(awaited, f"{kind}_frame") is None:
            return
        yield getattr(awaited, f"{kind}_frame")
        awaited = getattr(awaited, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")
