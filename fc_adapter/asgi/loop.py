"""The private event loop of an ASGI app's handler.

Theory of operation
===================

An app behind a real server lives in a loop that never stops. Ours runs only while a request does: ``PrivateLoop.run``
starts it, ``main`` comes to its end, and the loop stops, with all that it holds (connections, timers, tasks) where it
was. The platform then stops the whole process until the next request. Four things follow from that.

**The loop looks around before the app begins** (``_look_around``). While it stood still peers have hung up and timers
have run out, and none of it is known yet. An app that took a connection from its pool now would get a dead one. So when
anything is waiting, ``main`` begins only when the loop has polled its sockets, run what is due, and run whatever
followed from that. Nothing in this waits: each turn polls with a timeout of zero, and turns and time are limited.

**The first step is taken by hand** (``_step``). Most requests need no event loop: the app runs from its beginning to
its end without having to wait. To start and stop the loop for them would take longer than all else that the adapter
does, so the only step that it would take is taken here, in the same surroundings, when the loop has nothing else to do.
What is used of asyncio's own loop is not public, but has been there since 3.9 and still is in 3.15 (``_PRIVATE_NAMES``,
which a test compares with the running Python); a loop without one of these names, and any other loop, is run as usual.

**A task of ours lives as long as the loop** (``_be_root``). anyio keeps a worker thread, and so its thread-locals, for
as long as the "root task" lives, which it takes to be the task that the loop runs until it is complete. Under Uvicorn
that is the server; here it would be each request. So there is a root task beside them, and no other looks like one.

**The loop is closed before Python joins its threads** (``close_loops_at_exit``). A worker thread ends only when the
root task does, and Python joins such threads before it calls what ``atexit`` has. What it calls before that is
registered with ``threading._register_atexit``; without it there is no root task, and threads end with their request.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import inspect
import sys
import threading
import weakref
from logging import getLogger
from typing import Any, Callable

from .tasks import current_tasks, describe_task, take_exception

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine

    Main = Callable[[], Coroutine[Any, Any, None]]
    Task = asyncio.Task[Any]

_logger = getLogger("fc_adapter")


class PrivateLoop:
    """One event loop, made when it is first needed and kept between requests, so that connection pools live on.

    It belongs to no thread: whichever calls ``run`` drives it meanwhile, one at a time. It is never the current event
    loop of a thread that does not run it, and its kind is whatever the process's event loop policy makes. On Python 3.9
    it may be the one that was current when the app was imported (see ``_loop_of_imports``).
    ``on_loss()`` is called when the app has closed it and a new one takes its place, ``at_exit(self)`` at the end of
    the process if ``close_loops_at_exit`` was called.
    """

    def __init__(self, on_loss: Callable[[], None], at_exit: Callable[[PrivateLoop], None]) -> None:
        self._on_loss = on_loss
        self.at_exit = at_exit
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_abandoned = False
        self._steps_by_hand = False
        self._root: Task | None = None
        self._loop_of_imports = _loop_of_imports()
        _loops.add(self)

    def run(self, main: Main) -> None:
        """Run ``main()`` to its end, and raise what it raises. Works inside another running loop too.

        Raises RuntimeError when it is called by what runs in this very loop, which would wait for itself.
        """
        self._refuse_own()
        if _dropped:
            _close_dropped()
        with self._lock:
            if asyncio._get_running_loop() is None:
                self._run(main)
            else:
                _call_in_thread(self._run, main)

    def close(self, farewell: Main, patience: float) -> None:
        """Run ``farewell()``, cancel what still runs, and close the loop. A loop that was never made needs none of it.

        Cancelled tasks have ``patience`` seconds to end. The loop is made anew should ``run`` be called again. Raises
        what ``farewell()`` raises, once the loop is closed.
        """
        self._refuse_own()
        if _dropped:
            _close_dropped()
        with self._lock:
            if self._loop is not None and asyncio._get_running_loop() is None:
                self._close(farewell, patience)
            elif self._loop is not None:
                _call_in_thread(self._close, farewell, patience)

    def close_at_exit(self, farewell: Main, patience: float) -> None:
        """Close the loop at the end of the process, unless a thread still runs it and does not come to its end."""
        if self._is_abandoned:
            return
        if self._lock.acquire(timeout=_EXIT_PATIENCE):
            self._lock.release()
            self.close(farewell, patience)
        else:
            self._is_abandoned = True
            _logger.warning("the process ends while a thread is still serving a request: the app's shutdown cannot run")

    def _refuse_own(self) -> None:
        loop, tasks = self._loop, current_tasks.get()
        if loop is not None and (asyncio._get_running_loop() is loop or (tasks is not None and tasks.loop is loop)):
            raise RuntimeError("the handler was called by its own app, for which it would wait for ever")

    def _run(self, main: Main, needs_root: bool = True) -> None:
        loop = self._loop
        if loop is None or loop.is_closed():
            loop = self._open_loop()
        hooks = sys.get_asyncgen_hooks()
        errors: list[BaseException] = []
        main_coroutine = _collect_error(main, errors, loop)
        task: Task | None = None
        try:
            # Not by the loop's task factory, which is for the app's tasks.
            task = asyncio.Task(main_coroutine, loop=loop)
            if self._steps_by_hand and _is_idle_but_for_one(loop):
                _step(loop, main_coroutine, hooks)
            if getattr(loop, "_ready", True) or not task.done():
                if needs_root:
                    self._keep_root(loop)
                _run_until_done(loop, task)
        except BaseException:
            # An exit or an interrupt stops the loop in the middle of the task, or of the loop's own cleaning up.
            if isinstance(loop, asyncio.BaseEventLoop):  # pragma: no branch - the tests have no uvloop
                _leave(loop, hooks)
            if task is not None:  # pragma: no branch - unless a signal came just before
                if not task.done():
                    task.cancel()
                    _run_until_done(loop, task)
                take_exception(task)
            raise
        if errors:
            # Raised here rather than in the task: a task and its exception's traceback hold each other, and so the
            # request's body, until a garbage collection.
            raise errors.pop()

    def _open_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is not None:
            _logger.warning("the app has closed its event loop: created a new loop; the app's startup runs again")
            self._loop = None
            self._release_workers()
            self._on_loss()
        self._loop = loop = _claim_loop_of_imports(self._loop_of_imports) or asyncio.new_event_loop()
        self._loop_of_imports = None
        self._steps_by_hand = type(loop) is _ASYNCIO_LOOP and all(hasattr(loop, name) for name in _PRIVATE_NAMES)
        return loop

    def _keep_root(self, loop: asyncio.AbstractEventLoop) -> None:
        if (self._root is None or self._root.done()) and "anyio" in sys.modules and close_loops_at_exit():
            # In an empty context, which holds nothing of the request that happens to come first.
            self._root = contextvars.Context().run(_make_root, loop)

    def _close(self, farewell: Main, patience: float) -> None:
        assert self._loop is not None
        try:
            self._run(farewell)
        finally:
            self._run(lambda: _wind_down(self._root, patience), needs_root=False)
            self._loop.close()
            self._loop = self._root = None

    def _release_workers(self) -> None:
        """End anyio's worker threads of a loop that was closed and can no longer end the root task."""
        root, self._root = self._root, None
        for callback, _ in getattr(root, "_callbacks", None) or ():
            callback(root)


async def _collect_error(main: Main, errors: list[BaseException], loop: asyncio.AbstractEventLoop) -> None:
    try:
        if getattr(loop, "_ready", True):  # not is_quiet(loop), without the call
            await _look_around(loop)
        await main()
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        errors.append(error)


def _run_until_done(loop: asyncio.AbstractEventLoop, task: Task) -> None:
    """Do what ``run_until_complete`` does, without making ``task`` look like a root task to anyio."""
    task.add_done_callback(_stop_loop)
    try:
        loop.run_forever()
    finally:
        task.remove_done_callback(_stop_loop)
    if not task.done():
        raise RuntimeError("Event loop stopped before Future completed.")


def _stop_loop(task: Task) -> None:
    """Stop the loop when its task is done, unless an exit or an interrupt has done so."""
    if task.cancelled() or not isinstance(task.exception(), (SystemExit, KeyboardInterrupt)):
        task.get_loop().stop()


async def _look_around(loop: asyncio.AbstractEventLoop) -> None:
    """Let the loop see what happened to its sockets and timers, and let what follows from that come to rest.

    In a turn of the loop, this task goes on before what that turn's poll has found. If nothing is behind it in the
    queue, then this poll has found nothing, and what ran in the turn before has asked for nothing else.
    """
    turns = _MAX_TURNS if hasattr(loop, "_ready") else _BLIND_TURNS
    end = loop.time() + _MAX_SECONDS
    while turns and not is_quiet(loop) and loop.time() < end:
        await asyncio.sleep(0)
        turns -= 1


_MAX_TURNS = 100  # a closed TLS connection with its reader and its pool takes about ten
_MAX_SECONDS = 0.1  # for a task that never rests
_BLIND_TURNS = 10  # of a loop that does not show what waits in it, such as uvloop's
_EXIT_PATIENCE = 2.0  # seconds


# ---- the first step by hand ------------------------------------------------------------------------------------------


_ASYNCIO_LOOP: Any = asyncio.SelectorEventLoop

# The attributes of asyncio's loop, beyond its public ones, on which the first step by hand depends.
_PRIVATE_NAMES = (
    "_asyncgen_finalizer_hook",
    "_asyncgen_firstiter_hook",
    "_debug",
    "_ready",
    "_scheduled",
    "_selector",
    "_stopping",
    "_thread_id",
    "_timer_cancelled_count",
)


def is_quiet(loop: Any) -> bool:
    """Whether nothing waits to be called in ``loop``, as far as can be known."""
    return not getattr(loop, "_ready", True)


def _is_idle_but_for_one(loop: Any) -> bool:
    """Whether ``loop``, if it ran, would make one call and find nothing else to do."""
    return (
        len(loop._ready) == 1
        and (not loop._scheduled or _is_nothing_due(loop))
        # One is the pipe that wakes the loop up, when a thread or a signal calls.
        and (len(loop._selector.get_map()) == 1 or not loop._selector.select(0))
        and not getattr(loop, "_signal_handlers", None)
        and not loop._debug
    )


def _is_nothing_due(loop: Any) -> bool:
    """Whether no timer has run out. Cancelled ones count as due, since only a running loop removes them."""
    return not loop._timer_cancelled_count and bool(loop._scheduled[0].when() > loop.time())


def _step(loop: Any, coroutine: Coroutine[Any, Any, None], hooks: Any) -> None:
    """Make the call that waits in ``loop``, which begins ``coroutine``, as if the loop ran; then put ``hooks`` back.

    A signal handler may raise anywhere in here. What was set is taken back all the same, by the second ``_leave`` if it
    raises in the first, and the call stays in the queue unless it was made.
    """
    handle = loop._ready[0]
    try:
        try:
            sys.set_asyncgen_hooks(loop._asyncgen_firstiter_hook, loop._asyncgen_finalizer_hook)
            loop._thread_id = threading.get_ident()
            asyncio._set_running_loop(loop)
            loop._ready.popleft()
            handle._run()
        finally:
            _leave(loop, hooks)
    except BaseException:
        _leave(loop, hooks)
        if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED and handle not in loop._ready:
            loop._ready.appendleft(handle)  # pragma: no cover - its test replaces coverage's trace function
        raise


def _leave(loop: Any, hooks: Any) -> None:
    """Put back what running ``loop`` has changed in this thread. Doing so twice is harmless."""
    loop._stopping = False  # The app's stop() is for this step; the next request must not stop for it.
    loop._thread_id = None
    sys.set_asyncgen_hooks(*hooks)
    asyncio._set_running_loop(None)


def _call_in_thread(function: Callable[..., None], *arguments: Any) -> None:
    """Call a function that runs a loop in a thread of its own, as a loop runs in this one already."""
    from concurrent.futures import ThreadPoolExecutor  # half a millisecond of a cold start, and rarely needed

    context = contextvars.copy_context()
    with ThreadPoolExecutor(1, "fc_adapter") as executor:
        executor.submit(context.run, function, *arguments).result()


# ---- the root task of anyio ------------------------------------------------------------------------------------------


def _make_root(loop: asyncio.AbstractEventLoop) -> Task:
    root = asyncio.Task(_be_root(loop), loop=loop)
    root.set_name("fc_adapter, for as long as the loop lives")
    root.add_done_callback(_mark_as_root)
    if hasattr(root, "_log_destroy_pending"):  # pragma: no branch - a private name, which all Pythons so far have
        root._log_destroy_pending = False  # pyright: ignore[reportAttributeAccessIssue] - It ends with its loop, even when the app has closed that.
    return root


async def _be_root(loop: asyncio.AbstractEventLoop) -> None:
    await loop.create_future()


def _mark_as_root(task: Task) -> None:
    """Do nothing when the root task ends; be what anyio (3.4 to 4.16: ``find_root_task``) looks for before."""


# anyio knows the task that a loop was started for by its callback, asyncio's own or one of uvloop's. Asyncio's would
# stop the loop when the task ends.
_mark_as_root.__module__ = "uvloop.loop"


# ---- the end ---------------------------------------------------------------------------------------------------------


async def _wind_down(root: Task | None, patience: float) -> None:
    """Cancel all tasks and wait for them, for ``patience`` seconds at most; the root task is the last to end."""
    loop = asyncio.get_running_loop()
    tasks = asyncio.all_tasks() - {asyncio.current_task(), root}
    for task in tasks:
        task.cancel()
    if tasks:
        done, stubborn = await asyncio.wait(tasks, timeout=patience)
        for task in done:
            take_exception(task)
        for task in stubborn:
            _logger.warning("a task goes on although it was cancelled: %s", describe_task(task))
    if root is not None:
        root.cancel()
        await asyncio.wait([root])
    # The threads of the default executor end when they are done, which asyncio's own waiting for them cannot bound.
    await loop.shutdown_asyncgens()
    await _look_around(loop)  # Transports that were just closed have yet to close their sockets.


_loops: weakref.WeakSet[PrivateLoop] = weakref.WeakSet()
_is_registered = False


def close_loops_at_exit() -> bool:
    """Have all loops closed at the end of the process, before Python waits for its threads; False if it cannot."""
    global _is_registered
    register = getattr(threading, "_register_atexit", None)
    if register is not None and not _is_registered:
        try:
            # Its own function, which stops all executors, is called after ours if it was registered before.
            import concurrent.futures.thread  # noqa: F401 # pyright: ignore[reportUnusedImport]

            register(_close_loops)
        except RuntimeError:  # The process is ending.
            return False
        _is_registered = True
    return _is_registered


def _close_loops() -> None:
    for loop in list(_loops):
        loop.at_exit(loop)


_dropped: list[PrivateLoop] = []


def drop(loop: PrivateLoop) -> None:
    """Close ``loop``, whose handler is gone: at once, or before the next request if this thread runs another loop.

    Closing it would take a thread of its own then, and the garbage collector may call this while its thread holds a
    lock that no thread can begin without, such as that of ``threading.enumerate()``.
    """
    if asyncio._get_running_loop() is None:
        loop.at_exit(loop)
        return
    _dropped.append(loop)
    atexit.register(_close_dropped)


def _close_dropped() -> None:
    atexit.unregister(_close_dropped)
    for _ in range(len(_dropped)):
        try:
            loop = _dropped.pop()
        except IndexError:  # pragma: no cover - another thread was faster
            break
        loop.at_exit(loop)


# ---- Python 3.9 ------------------------------------------------------------------------------------------------------


# From 3.10 on asyncio's locks, queues and events find their loop when they first wait, before when they are made.
_PRIMITIVES_BIND_WHEN_MADE = sys.version_info < (3, 10)
_claimed: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()


def _loop_of_imports() -> Any:
    """The current loop of this thread, if there is one already: that of asyncio's objects that were made at import."""
    if not _PRIMITIVES_BIND_WHEN_MADE:
        return None
    policy = asyncio.get_event_loop_policy()  # pyright: ignore[reportDeprecated] - not on Python 3.9
    return getattr(getattr(policy, "_local", None), "_loop", None)


def _claim_loop_of_imports(loop: Any) -> Any:
    """The loop of the imports if no other handler has it, and nobody else runs it."""
    loop = loop or _loop_of_imports()
    if loop is None or loop.is_running():
        return None
    if loop.is_closed() or loop in _claimed:
        _logger.warning(
            "on Python 3.9, asyncio objects made at import (locks, queues, events) work for the first handler of a "
            "process only, and until its pre_stop: create them in the app's lifespan or in its requests"
        )
        return None
    _claimed.add(loop)
    return loop
