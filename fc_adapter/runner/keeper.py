"""The process above an instance's, on Linux: what the function has started ends with the instance, and with the runner.

```
runner ── keeper ── worker ── what the function starts
              └──── what has lost its parent
```

A process can leave its parent, its group, its session and its environment, but not its keeper: what loses its parent
gets the next ancestor that has asked for such children (PR_SET_CHILD_SUBREAPER). So everything of an instance is below
its keeper, and nothing else is.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import time

from .processes import Descendants

_KILL_SECONDS = 0.8  # seconds that processes have to go when they are killed
_SIGNALS = {signal.SIGCHLD, signal.SIGTERM}
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def keep(runner: int) -> None:  # pragma: no cover - this process ends without saving what was covered
    """Fork: the new process returns from here, and is the worker; this one is its keeper, and never returns.

    When the worker ends, or ``runner`` (a process's id), or at SIGTERM, it kills all that is below it and ends as the
    worker did.
    """
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    worker = os.fork()
    if worker == 0:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    for descriptor in (0, 1, 2):  # the worker's alone: the runner sees its end by them
        os.close(descriptor)
    status, has_children = None, True
    while os.getppid() == runner and status is None and has_children:
        if signal.sigwait(_SIGNALS) == signal.SIGTERM:
            break
        status, has_children = _reap(worker)
    _exit_as(_end_all(worker, status))


def _reap(worker: int) -> tuple[int | None, bool]:  # pragma: no cover - see keep()
    """Collect the children that have ended. Returns the worker's status if it is among them; and if there are more."""
    status = None
    while True:
        try:
            pid, ended = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status, False
        if pid == 0:
            return status, True
        if pid == worker:
            status = ended


def _end_all(worker: int, status: int | None) -> int:  # pragma: no cover - see keep()
    """Kill what is below until there is no child; then none can come any more. Returns the worker's status."""
    descendants = Descendants(os.getpid())
    end = time.monotonic() + _KILL_SECONDS
    while True:
        ended, has_children = _reap(worker)
        status = status if ended is None else ended
        if not has_children or time.monotonic() > end:
            return signal.SIGKILL if status is None else status
        with contextlib.suppress(OSError):
            os.killpg(worker, signal.SIGKILL)  # all at once, also those that fork faster than anyone can look
        for pid in descendants.find(anew=True):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.0005)


def _exit_as(status: int) -> None:  # pragma: no cover - see keep()
    """End as a process with this wait status has ended."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError):  # of SIGKILL there is no other action
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))
