"""An instance in this process, for ``breakpoint()``, debuggers and tests."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time

from ..config.function import Function, Hook
from .context import new_request_id
from .instance import Log, pre_stop_failure
from .life import Life, Reply, Span, State
from .runtime import Runtime, dump_error, format_traceback

IN_PROCESS = "in-process"  # the id of the instance


class LocalInstance:
    """An instance in this process: never frozen, killed or timed out.

    The function's environment and code directory are this process's for as long as the instance lives, and its log is
    in the platform's format unless this process has set up logging.
    ``log(instance_id, line)`` is told when the PreStop hook fails.
    """

    def __init__(self, function: Function, *, log: Log, tap: bool = False) -> None:
        self.id = IN_PROCESS
        self.life = Life()
        self.idle_since = time.monotonic()
        self._function = function
        self._log = log
        self._runtime = Runtime(function, tap=tap)
        self._spans: list[Span] = []
        self._initialized = function.initializer is None
        self._before: dict[str, str | None] = {}
        self._directory = os.getcwd()
        self._log_output: logging.Handler | None = None

    def start(self) -> Reply | None:
        """Load the function. Returns None, or the error when that failed; then the instance is gone."""
        environment = self._function.platform_environment(self.id)
        self._before = {name: os.environ.get(name) for name in environment}
        os.environ.update(environment)
        if not logging.getLogger().handlers:
            self._log_output = self._runtime.start_logging(sys.stderr)
        began = time.perf_counter()
        try:
            self._runtime.load()
        except BaseException as error:
            self.life.end_reason = "start"
            self.kill()
            _let_ctrl_c_pass(error)
            return self._reply_error(error, error_type="ImportModuleError")
        finally:
            self._end_span("start", began)
        self.life.handler_kind = self._runtime.handler_kind
        self.life.enter(State.IDLE)
        return None

    def invoke(self, event: bytes, request_id: str) -> Reply:
        """Run one event, after the Initializer if it is the first."""
        self.life.enter(State.RUNNING)
        name, began = "init", time.perf_counter()
        try:
            if not self._initialized:
                self._call_hook(self._function.initializer, request_id)
                self._initialized = True
                self._end_span(name, began)
            name, began = "handler", time.perf_counter()
            data = self._runtime.invoke(event, request_id)
        except BaseException as error:
            _let_ctrl_c_pass(error)
            self._end_span(name, began)
            return self._reply_error(error)
        finally:
            self.life.enter(State.IDLE)
        self._end_span(name, began)
        return Reply("result", data, self.id, spans=self._take_spans(), report=self._runtime.report())

    def held_bytes(self) -> int:
        """0: this process is not the function's alone."""
        return 0

    def peak_bytes(self) -> int:
        """0: this process is not the function's alone."""
        return 0

    def has_ended(self) -> bool:
        """Never: this process runs."""
        return False

    def has_gone(self) -> bool:
        """Never: this process is there."""
        return False

    def kill(self) -> None:
        """Take no further event, and give this process back what was its own; what runs cannot be ended."""
        if not self.life.enter(State.ENDED):
            return
        self._runtime.unload()
        if self._log_output is not None:
            logging.getLogger().removeHandler(self._log_output)
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        os.chdir(self._directory)

    def stop(self) -> None:
        """Run the PreStop hook, if the function has one and its Initializer has run."""
        if self.life.is_alive and self._initialized:
            try:
                self._call_hook(self._function.pre_stop, new_request_id())
            except BaseException as error:
                _let_ctrl_c_pass(error)
                self._log(self.id, pre_stop_failure(dump_error(error)))
        self.kill()

    def _call_hook(self, hook: Hook | None, request_id: str) -> None:
        if hook is not None:
            self._runtime.call_hook(hook.handler, request_id)

    def _reply_error(self, error: BaseException, *, error_type: str | None = None) -> Reply:
        data = dump_error(error, error_type=error_type)
        traceback = format_traceback(error) if isinstance(error, Exception) else None
        return Reply("error", data, self.id, traceback=traceback, spans=self._take_spans())

    def _end_span(self, name: str, began: float) -> None:
        self._spans.append((name, began, time.perf_counter()))

    def _take_spans(self) -> tuple[Span, ...]:
        spans = tuple(self._spans)
        self._spans.clear()
        return spans


def _let_ctrl_c_pass(error: BaseException) -> None:
    """Raise a KeyboardInterrupt of the user's, which only the main thread gets; others are the function's errors."""
    if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
        raise error
