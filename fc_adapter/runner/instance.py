"""An instance: a process of its own; its freezing and waking, its timeout and memory limit, its hooks, its end."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..config.function import Function, Hook
from ..terminal import escape_json
from .context import new_request_id
from .frames import Frame, read_frame, write_frame
from .life import Life, Reply, Span, State
from .processes import Descendants, newest_process, read_memory, read_share, read_stat
from .stacks import DUMP, TELL

CAN_FREEZE = hasattr(signal, "SIGSTOP")

# Whether an instance has a keeper; without one, what its function has started is found by its process group.
_IS_KEPT = sys.platform == "linux"

# What the worker's process runs. It imports this copy of the package, then takes its directory off sys.path. In a
# process group of its own, it does not get the terminal's Ctrl-C, which is for the gateway.
_PROGRAM = f"""
import os, sys
if hasattr(os, "setpgid"):
    os.setpgid(0, 0)
sys.path[:] = [{str(Path(__file__).parents[2])!r}, *(path for path in sys.path if path)]
import fc_adapter
del sys.path[0]
if sys.flags.no_site:
    import site
    site.setquit()
if {_IS_KEPT}:
    from fc_adapter.runner.keeper import keep
    keep(%d)
from fc_adapter.runner.worker import main
main()
"""

_ROUNDS = 500  # how often it is looked whether all processes of an instance stand still
_INTERVAL = 0.05  # seconds between two looks at an instance that is busy
_EXIT_SECONDS = 1.0  # seconds that a process has for its exit
_TELLING = 1.0  # seconds that it has to tell where it stands
_DUMPING = 0.2  # seconds that faulthandler has for the same
_TIMED_OUT = "Function timed out after"

Log = Callable[[str, bytes], None]


class Instance:
    """An instance in a process of its own, which ends with the thread that makes it (on Linux) or with this process.

    ``log(instance_id, line)`` gets each line that the function logs or prints. With ``freeze`` the process is stopped
    whenever it serves nothing; ``tap`` has a Tap watch the handler; ``noted`` are the notes that instances before have
    written, and gets those of this one. One thread at a time may use an instance, but ``kill`` may come from any.
    """

    def __init__(
        self, function: Function, *, log: Log, freeze: bool, tap: bool = False, noted: set[str] | None = None
    ) -> None:
        self.id = f"c-{secrets.token_hex(4)}"
        self.life = Life()
        self.idle_since = time.monotonic()
        self._tap = tap
        self._noted = set() if noted is None else noted
        self._spans: list[Span] = []
        self._function = function
        self._log = log
        self._freeze = freeze
        self._outgoing: queue.SimpleQueue[tuple[str, bytes, dict[str, Any]] | None] = queue.SimpleQueue()
        self._frames: queue.Queue[Frame | None] = queue.Queue()
        self._start_seconds: float | None = None
        self._init_seconds: float | None = None
        self._initialized = function.initializer is None
        self._signals = threading.Lock()
        self._is_reaped = False
        self._worker: int | None = None
        self._stopped: set[int] = set()
        self._settled = 0  # the newest process when all that there were stood still
        self._process = subprocess.Popen(
            [*_command(function.interpreter), "-u", "-c", _PROGRAM % os.getpid()],
            cwd=function.handler.directory,
            env={**_surroundings(function.interpreter), **function.platform_environment(self.id)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._members = Descendants(self._process.pid) if _IS_KEPT else None
        self._threads = [
            threading.Thread(target=self._write_frames, daemon=True),
            threading.Thread(target=self._read_frames, daemon=True),
            threading.Thread(target=self._read_log, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def start(self) -> Reply | None:
        """Load the function. Returns None, or the error when that failed; then the instance is gone."""
        began = time.perf_counter()
        payload = pickle.dumps(self._function)
        frame = self._exchange("function", payload, timeout=None, tap=self._tap, noted=[*self._noted])
        self._end_span("start", began)
        if frame.kind == "error":
            self.life.end_reason = "start"
            self._leave()
            return self._reply(frame)
        self._start_seconds = time.perf_counter() - began
        self.life.handler_kind = frame.fields.get("handler", "plain")
        self._noted.update(frame.fields.get("noted", ()))
        self._worker = frame.fields.get("pid") if _IS_KEPT else None
        self._stand_still()
        return None

    def invoke(self, event: bytes, request_id: str) -> Reply:
        """Run one event, after the Initializer if it is the first. An instance that fails at that, or ends, is gone."""
        self._resume(State.RUNNING)
        if not self._initialized:
            began = time.perf_counter()
            error = self._call_hook(self._function.initializer, request_id)
            self._init_seconds = time.perf_counter() - began
            self._end_span("init", began)
            if error is not None:
                self.life.end_reason = "init"
                self.kill()
                return self._reply(error)
            self._initialized = True
        began = time.perf_counter()
        frame = self._exchange("invoke", event, timeout=self._function.timeout, request_id=request_id)
        self._end_span("handler", began)
        self._stand_still()
        return self._reply(frame)

    def stop(self) -> None:
        """Run the PreStop hook, if the function has one and its Initializer has run, and end the process."""
        self._resume(State.STOPPING)
        if self.life.is_alive and self._initialized:
            error = self._call_hook(self._function.pre_stop, new_request_id())
            if error is not None:
                self._log(self.id, pre_stop_failure(error.payload))
        if self.life.is_alive:
            self._leave()

    def has_ended(self) -> bool:
        """Whether the process has ended by itself or from outside, or has sent an unexpected frame."""
        if self._process.poll() is not None or not self._frames.empty():
            return True
        return self.has_gone()

    def has_gone(self) -> bool:
        """Whether the process is no longer there, which its keeper may not have noticed yet."""
        return self._worker is not None and [state for state, _ in read_stat(self._worker) if state not in "ZX"] == []

    def kill(self) -> None:
        """End the process, and whatever it has started, at once."""
        with self._signals:
            if self._is_reaped:
                return
            self.life.enter(State.ENDED)
            self._kill_all()
            self._is_reaped = True
        self._outgoing.put(None)
        # A process that was not found may hold the pipes open; their threads then stay until it ends.
        for thread in self._threads:
            thread.join(_EXIT_SECONDS / 4)

    def _kill_all(self) -> None:
        if _IS_KEPT:  # pragma: no branch - other systems have none
            # It ends the others first, or there is nobody who could find them.
            for number in (signal.SIGCONT, signal.SIGTERM):
                self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_EXIT_SECONDS)
        elif hasattr(os, "killpg"):  # pragma: no cover - Linux has keepers, and Windows no groups
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()

    def _leave(self) -> None:
        """Let the worker end by itself, which it does at the end of its frames, and run what it has for its exit."""
        self._outgoing.put(None)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_SECONDS)
        self.kill()

    def peak_bytes(self) -> int:
        """The most memory that one of its processes has held, or all of them hold now; 0 where the system tells not."""
        peaks = [read_memory(pid)[0] for pid in self._find_members()]
        return peaks[0] if len(peaks) == 1 else max([self.held_bytes(), *peaks])

    def held_bytes(self) -> int:
        """The memory that its processes hold now, what they share counted once; 0 where the system does not tell."""
        members = self._find_members()
        if len(members) > 1:
            return sum([read_share(pid) or read_memory(pid)[1] for pid in members])
        return sum([read_memory(pid)[1] for pid in members])

    def _find_members(self) -> list[int]:
        return [] if self._members is None or not self.life.is_alive else [*self._members.find()]

    def _call_hook(self, hook: Hook | None, request_id: str) -> Frame | None:
        """Run a hook if there is one. Returns None, or the error."""
        if hook is None:
            return None
        frame = self._exchange("hook", b"", timeout=hook.timeout, handler=hook.handler, request_id=request_id)
        return frame if frame.kind == "error" else None

    def _exchange(self, kind: str, payload: bytes, *, timeout: float | None, **fields: Any) -> Frame:
        """Send a frame and wait for the reply. An instance that takes too long or ends becomes an error frame."""
        end = float("inf") if timeout is None else time.monotonic() + timeout
        token = secrets.token_hex(8)
        self._outgoing.put((kind, payload, {**fields, "token": token}))
        message = None
        while message is None:
            has_ended = self._process.poll() is not None
            try:
                frame = self._frames.get(timeout=max(0.0, min(_INTERVAL, end - time.monotonic())))
            except queue.Empty:
                # What it has started may hold the pipe open, where there is no keeper.
                frame = None
                if not has_ended:  # pragma: no branch
                    message = self._excess(end, timeout)
                    continue
            if frame is None:
                message = f"Process exited unexpectedly before completing request ({self._exit_status()})"
            elif not _is_reply(frame, token):
                message = "The function wrote to the pipe of its runtime, so there is no telling what its result is"
            else:
                message = self._excess()
                if message is None:
                    return frame
        self.life.end_reason = self.life.end_reason or message
        stacks = self._find_stacks(token) if message.startswith(_TIMED_OUT) else ""
        self.kill()
        fields = {"traceback": f"{message}\n{stacks}"} if stacks else {}
        return Frame("error", fields, json.dumps({"errorMessage": message}).encode("ascii"))

    def _find_stacks(self, token: str) -> str:
        """Sentences on where the threads and tasks of the worker stand; ``""`` when it is gone."""
        if self._worker is None:  # pragma: no cover - Linux has keepers
            return ""
        self._send(TELL, [self._worker])
        end = time.monotonic() + _TELLING
        while True:
            try:
                frame = self._frames.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                self._send(DUMP, [self._worker])
                time.sleep(_DUMPING)
                return "It did not answer where it stood; if it was in C code, its log says so, after 'Current thread'"
            if frame is None:
                return ""
            if frame.kind == "stacks" and frame.fields.get("token") == token:
                return "It stood here:\n" + frame.payload.decode("utf-8", "replace")

    def _excess(self, end: float = float("inf"), timeout: float | None = None) -> str | None:
        """Which of its limits the function has exceeded."""
        if self.peak_bytes() > self._function.memory * 1024 * 1024:
            return f"Function has run out of memory: it is configured with {self._function.memory} MB"
        if time.monotonic() >= end:
            return f"{_TIMED_OUT} {timeout:g} seconds"
        return None

    def _exit_status(self) -> str:
        try:
            status = self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return "its threads run on"
        names = {each.value: each.name for each in signal.Signals}
        return f"signal {names.get(-status, -status)}" if status < 0 else f"exit status {status}"

    def _reply(self, frame: Frame) -> Reply:
        reply = Reply(
            frame.kind,
            frame.payload,
            self.id,
            self._start_seconds,
            self._init_seconds,
            frame.fields.get("traceback"),
            tuple(self._spans),
            frame.fields.get("report"),
        )
        self._start_seconds = self._init_seconds = None
        self._spans.clear()
        return reply

    def _end_span(self, name: str, began: float) -> None:
        self._spans.append((name, began, time.perf_counter()))

    def _stand_still(self) -> None:
        if self.life.enter(State.IDLE) and self._freeze:
            self._stop_all()
            self.life.enter(State.FROZEN)

    def _resume(self, state: State) -> None:
        """Go on to ``state``, and let the processes run again if they are frozen."""
        was_frozen = self.life.state is State.FROZEN
        self.life.enter(state)
        if was_frozen:
            self._continue_all()
            self._end_span("frozen", self.life.frozen_at)

    def _stop_all(self) -> None:
        """Stop all processes of the instance, also those that they start meanwhile."""
        if self._members is None:  # pragma: no cover - Linux has keepers
            self._send("SIGSTOP", [-self._process.pid])
            return
        members = set(self._members.find())
        for _ in range(_ROUNDS):  # pragma: no branch - these are more than enough
            self._send("SIGSTOP", members - self._stopped)
            self._stopped |= members
            if any(state not in "TtZX" for pid in self._stopped for state, _ in read_stat(pid)):
                time.sleep(0.0001)  # what is on the way to a child of its own stops when that is there
                continue
            newest = newest_process()
            if newest == self._settled != 0:
                return  # Nothing has been started in this system since nothing was left to stop.
            members = set(self._members.find(anew=True))
            if members <= self._stopped and self._members.is_certain:  # pragma: no branch - or one has just begun
                self._settled = newest
                return

    def _continue_all(self) -> None:
        if self._members is None:  # pragma: no cover - Linux has keepers
            self._stopped = {-self._process.pid}
        self._send("SIGCONT", self._stopped)
        self._stopped = set()

    def _send(self, name: str, processes: Iterable[int]) -> None:
        with self._signals:
            for pid in () if self._is_reaped else processes:
                with contextlib.suppress(OSError):
                    os.kill(pid, getattr(signal, name))

    def _write_frames(self) -> None:
        """In a thread, since a process that stands still takes no more than its pipe holds."""
        # If it has ended or was killed, its frames tell, too.
        with contextlib.suppress(OSError), self._process.stdin as stream:  # type: ignore[union-attr]
            for kind, payload, fields in iter(self._outgoing.get, None):
                write_frame(stream, kind, payload, **fields)  # type: ignore[arg-type]

    def _read_frames(self) -> None:
        with self._process.stdout as stream:  # type: ignore[union-attr]
            while True:
                frame = read_frame(stream)  # type: ignore[arg-type]
                self._frames.put(frame)
                if frame is None:
                    return

    def _read_log(self) -> None:
        with self._process.stderr as stream:  # type: ignore[union-attr]
            for line in iter(lambda: stream.readline(_LINE_BYTES), b""):
                self._log(self.id, line)


def _command(interpreter: str | None) -> list[str]:
    """How to run the worker. Another interpreter has no packages of its own: -S leaves out its site-packages."""
    return [sys.executable] if interpreter is None else [interpreter, "-S"]


def _surroundings(interpreter: str | None) -> Mapping[str, str]:
    """The variables that an instance has besides the function's and the platform's."""
    return os.environ if interpreter is None else {"HOME": "/tmp", "LANG": "C.UTF-8", "PATH": os.defpath}


def pre_stop_failure(error: bytes) -> bytes:
    """The line of the log that tells of it; ``error`` is an error object as JSON."""
    return escape_json(f"PreStop failed: {error.decode('utf-8', 'backslashreplace')}").encode("utf-8") + b"\n"


def _is_reply(frame: Frame, token: str) -> bool:
    """Whether the runtime has sent ``frame`` as the reply to the request with this token, and not the function.

    A frame of the function's own might be taken for a reply, and then the reply for that to the next request.
    """
    fields = frame.fields
    if fields.pop("token", None) != token or not isinstance(fields.get("report"), (dict, type(None))):
        return False
    if frame.kind != "error":
        types = {"handler": str, "pid": int, "noted": list}
        has_types = all(isinstance(fields[name], kind) for name, kind in types.items() if name in fields)
        return (
            frame.kind in ("started", "result")
            and has_types
            and all(isinstance(n, str) for n in fields.get("noted", ()))
        )
    try:
        error = json.loads(frame.payload)
    except (ValueError, RecursionError):
        return False
    has_message = isinstance(error, dict) and isinstance(error.get("errorMessage"), str)
    return has_message and isinstance(fields.get("traceback"), (str, type(None)))


_LINE_BYTES = 64 * 1024  # longer lines are passed on in parts
