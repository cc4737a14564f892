"""What the platform's runtime does around a handler's call: hooks, error objects, and the lines of the log."""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Collection
from importlib.util import find_spec
from typing import Any, Callable, TextIO

from .. import application
from ..application import NotFoundError
from ..config.function import Function
from ..config.target import Target
from ..contract.response import dump_result
from ..errors import AppError, ConfigError
from ..handler import Handler
from ..terminal import warn
from .context import build_context
from .load import load_target, names_handler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .tap import Tap


class Runtime:
    """A function loaded into this process: its handler and hooks, called as the platform calls them.

    With ``tap``, a handler of this package is watched, and ``report()`` tells of it.
    ``handler_kind`` is ``"wrapped"`` (a handler of this package), ``"app"`` (a bare app) or ``"plain"``.
    ``noted`` are the notes on the function's code that need not be written again, and then those that were.
    """

    def __init__(self, function: Function, *, tap: bool = False, noted: Collection[str] = ()) -> None:
        self._function = function
        self.noted = set(noted)
        self._handler: Callable[..., Any] = function.handler
        self._wants_tap = tap
        self._tap: Tap | None = None
        self.request_id = "-"
        self.handler_kind = "plain"

    def load(self) -> None:
        """Import the handler's module. Raises whatever the import raises, and NotFoundError.

        A hook that is not there is not an error yet: the platform, too, finds out when it calls it.
        """
        target = self._function.handler
        if isinstance(target, Target):
            self._handler = load_target(target, note=self._note)
            for name, hook in (("Initializer", self._function.initializer), ("PreStop", self._function.pre_stop)):
                if hook is not None:
                    self._check_hook(name, hook.handler)
        if isinstance(self._handler, Handler):
            is_bare = isinstance(target, Target) and not names_handler(target)
            self.handler_kind = "app" if is_bare else "wrapped"
            if self._wants_tap:
                from .tap import Tap

                self._tap = Tap(self._handler)

    def report(self) -> dict[str, Any] | None:
        """What the tap has seen of the last invocation, or None without one."""
        return self._tap.report() if self._tap is not None else None

    def unload(self) -> None:
        """Leave the handler as it was."""
        if self._tap is not None:
            self._tap.close()

    def invoke(self, event: bytes, request_id: str) -> bytes:
        """Call the handler and return its result after the runtime's JSON step. Raises what either raises."""
        self.request_id = request_id
        if self._tap is not None:
            self._tap.begin()
        try:
            return dump_result(self._handler(event, self._context()))
        except TypeError as error:
            if str(error) == "'FCContext' object is not callable":
                warn("note: the handler seems to be a WSGI app; make one of it: handler = fc_adapter.wrap(app)")
            raise

    def stop(self) -> None:
        """Let a handler of this package end what it has started, as its PreStop hook does."""
        if isinstance(self._handler, Handler):
            try:
                self._handler.pre_stop()
            except AppError:
                pass  # It is in the log.

    def call_hook(self, handler: str, request_id: str) -> None:
        """Call a hook such as ``index.initialize`` with a context. Raises what it raises, and NotFoundError."""
        self.request_id = request_id
        self._load_hook(handler)(self._context())

    def _load_hook(self, handler: str) -> Callable[..., Any]:
        module, _, attribute = handler.rpartition(".")
        return load_target(Target(self._function.handler.directory, module, attribute), wrap_apps=False)

    def _check_hook(self, name: str, handler: str) -> None:
        """Say so when there is no such hook. A module that is there but not imported is left so until its time."""
        module = handler.rpartition(".")[0]
        if module in sys.modules or not module or find_spec(module.partition(".")[0]) is None:
            try:
                self._load_hook(handler)
            except ConfigError as error:
                self._note(f"the {name} hook {handler} will fail: {error}")

    def _note(self, text: str) -> None:
        """Write a note on the function's code, unless an instance before has written the same."""
        if text not in self.noted:
            self.noted.add(text)
            warn(f"note: {text}")

    def start_logging(self, stream: TextIO) -> logging.Handler:
        """Send the root logger to ``stream`` in the runtime's format, from level INFO up, as the platform does."""
        output = logging.StreamHandler(stream)
        output.setFormatter(_Formatter(lambda: self.request_id))
        logging.basicConfig(level=logging.INFO, handlers=[output], force=True)
        return output

    def _context(self) -> Any:
        function = self._function
        return build_context(
            request_id=self.request_id,
            handler=function.label,
            runtime=function.runtime,
            timeout=function.timeout,
            name=function.name,
            memory=function.memory,
            region=function.region,
        )


def build_error(error: BaseException, *, error_type: str | None = None) -> dict[str, Any]:
    """The error object of a function error, documented in "Error handling" of the Python runtime.

    ``error_type`` replaces the exception's class name; the platform says ``ImportModuleError`` when the handler's
    module fails to import. An exit of the process is reported without type and stack.
    """
    try:
        message = str(error)
    except BaseException:  # even an exit: it must not cost the answer
        message = f"({type(error).__name__}, which cannot be shown)"
    if not isinstance(error, Exception):
        reason = f"{type(error).__name__}: {message}".rstrip(": ")
        return {"errorMessage": f"Process exited unexpectedly before completing request ({reason})"}
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "errorMessage": message,
        "errorType": error_type or type(error).__name__,
        "stackTrace": [
            [f'File "{frame.filename}"', f"line {frame.lineno}", f"in {frame.name}", frame.line or ""]
            for frame in frames
            if not frame.filename.startswith(_HIDDEN)
        ],
    }


def dump_error(error: BaseException, *, error_type: str | None = None) -> bytes:
    """``build_error`` as JSON."""
    return json.dumps(build_error(error, error_type=error_type)).encode("ascii")


def format_traceback(error: BaseException) -> str:
    """The traceback of ``error`` and of what led to it, as Python prints it, without the frames of the runner."""
    if isinstance(error, NotFoundError):
        return str(error)
    report = traceback.TracebackException.from_exception(error)
    reports = [report]
    while reports:
        each = reports.pop()
        each.stack[:] = [frame for frame in each.stack if not frame.filename.startswith(_HIDDEN)]
        reports += [cause for cause in (each.__cause__, each.__context__) if cause is not None]
    return "".join(report.format()).rstrip("\n")


# The frames of the runner and of the import system: no part of what a deployed function would show.
_PACKAGE = os.path.dirname(os.path.dirname(__file__))
_HIDDEN = (
    *(os.path.join(_PACKAGE, room, "") for room in ("runner", "cli")),
    application.__file__,
    importlib.__file__,
    "<frozen importlib",
)


class _Formatter(logging.Formatter):
    """``2017-07-05T05:13:35.920Z <request-id> [INFO] message``: documented."""

    converter = staticmethod(time.gmtime)

    def __init__(self, request_id: Callable[[], str]) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(request_id)s [%(levelname)s] %(message)s", "%Y-%m-%dT%H:%M:%S")
        self._request_id = request_id

    def format(self, record: logging.LogRecord) -> str:
        record.request_id = self._request_id()
        return super().format(record)
