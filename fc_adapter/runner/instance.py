"""Instances of a function: a process of its own, as on the platform, or this process, for debuggers."""

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
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from .context import new_request_id
from .frames import Frame, read_frame, write_frame
from .function import Function, Hook
from .runtime import Runtime, dump_error

CAN_FREEZE = hasattr(signal, "SIGSTOP")
_PACKAGE_PARENT = str(Path(__file__).parents[2])
_PROGRAM = (
    f"import sys; sys.path.insert(0, {_PACKAGE_PARENT!r}); from fc_adapter.runner.worker import main; "
    f"sys.path.remove({_PACKAGE_PARENT!r}); main()"
)

Log = Callable[[str, bytes], None]


class Reply(NamedTuple):
    """What came of an invocation.

    ``kind`` is ``"result"`` (``data``: what the handler returned, after the JSON step) or ``"error"`` (``data``: the
    platform's error object as JSON). ``start_seconds`` and ``init_seconds`` are those of a cold start, else None.
    """

    kind: str
    data: bytes
    instance_id: str
    start_seconds: float | None = None
    init_seconds: float | None = None


class Instance:
    """An instance in a process of its own.

    ``log(instance_id, line)`` gets each line that the function logs or prints. With ``freeze`` the process is stopped
    whenever it serves nothing.
    """

    def __init__(self, function: Function, *, log: Log, freeze: bool) -> None:
        self.id = f"c-{secrets.token_hex(4)}"
        self.is_alive = True
        self.idle_since = time.monotonic()
        self._function = function
        self._log = log
        self._freeze = freeze
        self._frozen = False
        self._frames: queue.Queue[Frame | None] = queue.Queue()
        self._start_seconds: float | None = None
        self._init_seconds: float | None = None
        self._initialized = function.initializer is None
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            cwd=function.handler.directory,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **function.platform_environment(self.id)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._readers = [
            threading.Thread(target=self._read_frames, daemon=True),
            threading.Thread(target=self._read_log, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def start(self) -> bytes | None:
        """Load the function. Returns None, or the error object (JSON) when that failed; then the instance is gone."""
        began = time.perf_counter()
        frame = self._exchange("function", pickle.dumps(self._function), timeout=None)
        if frame.kind != "started":
            self.kill()
            return frame.payload
        self._start_seconds = time.perf_counter() - began
        self._stand_still()
        return None

    def invoke(self, event: bytes, request_id: str) -> Reply:
        """Run one event, after the Initializer if it is the first. An instance that fails at that, or ends, is gone."""
        if not self._initialized:
            began = time.perf_counter()
            error = self._call_hook(self._function.initializer, request_id)
            self._init_seconds = time.perf_counter() - began
            if error is not None:
                self.kill()
                return self._reply("error", error)
            self._initialized = True
        frame = self._exchange("invoke", event, timeout=self._function.timeout, request_id=request_id)
        self._stand_still()
        return self._reply(frame.kind, frame.payload)

    def stop(self, patience: float = 1.0) -> None:
        """Run the PreStop hook, if the function has one and has been called, and end the process.

        ``patience`` (seconds) bounds the hook beside its own timeout, and then the process's exit.
        """
        if self.is_alive and self._initialized and self._function.pre_stop is not None:
            handler, timeout = self._function.pre_stop
            error = self._call_hook(Hook(handler, min(timeout, patience)), new_request_id())
            if error is not None:
                self._log(self.id, b"PreStop failed: " + error + b"\n")
        if self.is_alive:
            # At the end of its frames the worker leaves by itself, and runs what it has for its exit.
            self._resume()
            with contextlib.suppress(OSError):
                self._process.stdin.close()  # type: ignore[union-attr]
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        self.kill()

    def has_ended(self) -> bool:
        """Whether the process has ended by itself or from outside."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End the process, and whatever it has started, at once."""
        self.is_alive = False
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join(1)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]

    def resident_bytes(self) -> int:
        """How much memory the process holds, or 0 where the system does not tell."""
        try:
            pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def _call_hook(self, hook: Hook | None, request_id: str) -> bytes | None:
        if hook is None:
            return None
        frame = self._exchange("hook", b"", timeout=hook.timeout, handler=hook.handler, request_id=request_id)
        return frame.payload if frame.kind == "error" else None

    def _exchange(self, kind: str, payload: bytes, *, timeout: float | None, **fields: Any) -> Frame:
        """Send a frame and wait for the reply. An instance that takes too long or ends becomes an error frame."""
        self._resume()
        try:
            write_frame(self._process.stdin, kind, payload, **fields)  # type: ignore[arg-type]
        except OSError:
            pass  # It has ended, which its frames tell, too.
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                frame = self._frames.get(timeout=_MEMORY_INTERVAL)
            except queue.Empty:
                message = self._excess(end, timeout)
                if message is None:
                    continue
            else:
                if frame is not None:
                    return frame
                message = f"Process exited unexpectedly before completing request ({self._exit_status()})"
            self.kill()
            return Frame("error", {}, json.dumps({"errorMessage": message}).encode("ascii"))

    def _excess(self, end: float | None, timeout: float | None) -> str | None:
        if end is not None and time.monotonic() >= end:
            return f"Function timed out after {timeout:g} seconds"
        if self.resident_bytes() > self._function.memory * 1024 * 1024:
            return f"Function has run out of memory: it is configured with {self._function.memory} MB"
        return None

    def _exit_status(self) -> str:
        status = self._process.wait()
        return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"

    def _reply(self, kind: str, data: bytes) -> Reply:
        reply = Reply(kind, data, self.id, self._start_seconds, self._init_seconds)
        self._start_seconds = self._init_seconds = None
        self.idle_since = time.monotonic()
        return reply

    def _stand_still(self) -> None:
        if self._freeze and self.is_alive:
            self._signal("SIGSTOP")
            self._frozen = True

    def _resume(self) -> None:
        if self._frozen:
            self._signal("SIGCONT")
            self._frozen = False

    def _signal(self, name: str) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, getattr(signal, name))

    def _read_frames(self) -> None:
        while True:
            frame = read_frame(self._process.stdout)  # type: ignore[arg-type]
            self._frames.put(frame)
            if frame is None:
                return

    def _read_log(self) -> None:
        for line in self._process.stderr:  # type: ignore[union-attr]
            self._log(self.id, line)


_MEMORY_INTERVAL = 0.05  # seconds between two looks at an instance that is busy


class LocalInstance:
    """An instance in this process, for ``breakpoint()`` and debuggers: never frozen, killed or timed out."""

    def __init__(self, function: Function) -> None:
        self.id = "in-process"
        self.is_alive = True
        self.idle_since = time.monotonic()
        self._function = function
        self._runtime = Runtime(function)
        self._initialized = function.initializer is None

    def start(self) -> bytes | None:
        """Load the function. Returns None, or the error object (JSON) when that failed."""
        os.environ.update(self._function.platform_environment(self.id))
        try:
            self._runtime.load()
        except Exception as error:
            self.is_alive = False
            return dump_error(error, error_type="ImportModuleError")
        return None

    def invoke(self, event: bytes, request_id: str) -> Reply:
        """Run one event, after the Initializer if it is the first."""
        try:
            if not self._initialized:
                self._runtime.call_hook(self._function.initializer.handler, request_id)  # type: ignore[union-attr]
                self._initialized = True
            data = self._runtime.invoke(event, request_id)
        except (Exception, SystemExit) as error:
            return Reply("error", dump_error(error), self.id)
        return Reply("result", data, self.id)

    def has_ended(self) -> bool:
        """Never: this process runs."""
        return False

    def kill(self) -> None:
        """Take no further event; what runs cannot be ended."""
        self.is_alive = False

    def stop(self, patience: float = 1.0) -> None:
        """Run the PreStop hook, if the function has one and has been called."""
        self.is_alive = False
        if self._initialized and self._function.pre_stop is not None:
            self._runtime.call_hook(self._function.pre_stop.handler, new_request_id())
