"""The private event loop of an ASGI app's handler."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from logging import getLogger
from typing import Any, Callable

from .tasks import current_tasks, describe_task, take_exception

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine

    Main = Callable[[], Coroutine[Any, Any, None]]


class PrivateLoop:
    """One event loop, made when it is first needed and kept between requests, so that connection pools live on.

    It belongs to no thread: whichever calls ``run`` drives it meanwhile, one at a time. It is never the current event
    loop of a thread that does not run it, and its kind is whatever the process's event loop policy makes.
    ``on_loss()`` is called when the app has closed it and a new one takes its place.
    """

    def __init__(self, on_loss: Callable[[], None]) -> None:
        self._on_loss = on_loss
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, main: Main) -> None:
        """Run ``main()`` to its end, and raise what it raises. Works inside another running loop too.

        Raises RuntimeError when it is called by what runs in this very loop, which would wait for itself.
        """
        self._refuse_own()
        with self._lock:
            if asyncio._get_running_loop() is None:
                self._run(main)
            else:
                _call_in_thread(self._run, main)

    def close(self, farewell: Main) -> None:
        """Run ``farewell()``, cancel what still runs, and close the loop. A loop that was never made needs none of it.

        It is made anew should ``run`` be called again. Raises what ``farewell()`` raises, once the loop is closed.
        """
        self._refuse_own()
        with self._lock:
            if self._loop is not None and asyncio._get_running_loop() is None:
                self._close(farewell)
            elif self._loop is not None:
                _call_in_thread(self._close, farewell)

    def _refuse_own(self) -> None:
        loop, tasks = self._loop, current_tasks.get()
        if loop is not None and (asyncio._get_running_loop() is loop or (tasks is not None and tasks.loop is loop)):
            raise RuntimeError("the handler was called by its own app, for which it would wait for ever")

    def _run(self, main: Main) -> None:
        if self._loop is not None and self._loop.is_closed():
            getLogger("fc_adapter").warning("the app has closed its event loop: it gets a new one, and starts again")
            self._loop = None
            self._on_loss()
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        loop = self._loop
        errors: list[BaseException] = []
        # Not by the loop's task factory, which is for the app's tasks.
        task = asyncio.Task(_collect_error(main, errors), loop=loop)
        try:
            if _is_idle_but_for_one(loop):
                _step(loop)
            if not (task.done() and is_quiet(loop)):
                loop.run_until_complete(task)
        except BaseException:
            # An exit or an interrupt stops the loop in the middle of the task.
            if not task.done():
                task.cancel()
                loop.run_until_complete(asyncio.wait([task]))
            take_exception(task)
            raise
        if errors:
            # Raised here rather than in the task: a task and its exception's traceback hold each other, and so the
            # request's body, until a garbage collection.
            raise errors.pop()

    def _close(self, farewell: Main) -> None:
        assert self._loop is not None
        try:
            self._run(farewell)
        finally:
            self._run(_wind_down)
            self._loop.close()
            self._loop = None


async def _collect_error(main: Main, errors: list[BaseException]) -> None:
    try:
        await main()
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        errors.append(error)


# ---- the first step by hand ------------------------------------------------------------------------------------------
#
# Most requests need no event loop: the app runs from its beginning to its end without having to wait. To start and stop
# the loop for them would take longer than all else that the adapter does, so the only step that it would take is taken
# here, in the same surroundings. What is used of asyncio's own loop is not public, but has been there since 3.4; any
# other loop, and any that has something else to do, is run as usual.


_ASYNCIO_LOOP: Any = asyncio.SelectorEventLoop


def is_quiet(loop: Any) -> bool:
    """Whether nothing waits to be called in ``loop``, as far as can be known."""
    return not getattr(loop, "_ready", True)


def _is_idle_but_for_one(loop: Any) -> bool:
    """Whether ``loop``, when it is run, will make one call and then wait for nothing but to be woken up."""
    return (
        type(loop) is _ASYNCIO_LOOP
        and len(loop._ready) == 1
        and not loop._scheduled
        and len(loop._selector.get_map()) == 1  # the pipe that wakes it up, when a thread or a signal calls
        and not getattr(loop, "_signal_handlers", None)
        and not loop._debug
    )


def _step(loop: Any) -> None:
    """Make the call that waits in ``loop`` as if it ran."""
    handle = loop._ready.popleft()
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(loop._asyncgen_firstiter_hook, loop._asyncgen_finalizer_hook)
    loop._thread_id = threading.get_ident()
    asyncio._set_running_loop(loop)
    try:
        handle._run()
    finally:
        asyncio._set_running_loop(None)
        loop._thread_id = None
        loop._stopping = False  # The app's stop() is for this step; the next request must not stop for it.
        sys.set_asyncgen_hooks(*hooks)


def _call_in_thread(function: Callable[[Main], None], main: Main) -> None:
    """Call a function that runs a loop in a thread of its own, as a loop runs in this one already."""
    from concurrent.futures import ThreadPoolExecutor  # half a millisecond of a cold start, and rarely needed

    context = contextvars.copy_context()
    with ThreadPoolExecutor(1, "fc_adapter") as executor:
        executor.submit(context.run, function, main).result()


async def _wind_down() -> None:
    """Cancel all tasks, and wait until they have ended, as far as they let themselves be ended."""
    loop = asyncio.get_running_loop()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        done, stubborn = await asyncio.wait(tasks, timeout=_PATIENCE)
        for task in done:
            take_exception(task)
        for task in stubborn:
            getLogger("fc_adapter").warning("a task goes on although it was cancelled: %s", describe_task(task))
    # The threads of the default executor end when they are done, which asyncio's own waiting for them cannot bound.
    await loop.shutdown_asyncgens()


_PATIENCE = 5.0  # seconds
