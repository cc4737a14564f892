"""Which asyncio tasks belong to which request: those that it has started, and those that they have started in turn."""

from __future__ import annotations

import asyncio
import contextvars
import time
import traceback
from functools import partial
from types import CellType
from typing import Any, Callable, TypeVar

from ..background import Background, describe, name_coroutine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..threads import Work

    Task = asyncio.Task[Any]

T = TypeVar("T")


class RequestTasks:
    """The tasks that one request has started, and those that they have started in turn, as long as they run."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.running: set[Task] = set()

    def begin(self) -> None:
        """From here on, what the current task and its descendants start belongs to this request."""
        self.loop = loop = asyncio.get_running_loop()
        factory = loop.get_task_factory()
        if not isinstance(factory, _TaskFactory):  # the first request, or the app has set one of its own
            loop.set_task_factory(_TaskFactory(factory))
        current_tasks.set(self)

    def add(self, task: Task) -> None:
        """Keep ``task`` until it ends; nothing else may hold a reference to it."""
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    def pending(self, background: Background) -> list[Task]:
        """Those that run and are waited for."""
        return [task for task in self.running if not background.is_endless(name_task(task))]


async def wait_for_work(
    find_tasks: Callable[[], list[Task]], find_threads: Callable[[], list[Work]], seconds: float
) -> tuple[list[Task], list[Work]]:
    """Wait until neither function finds any, for so many seconds at most, and return what they find then.

    The loop runs meanwhile: what the threads do may need it.
    """
    end = time.monotonic() + seconds
    pause = 0.001
    while True:
        tasks, threads = find_tasks(), find_threads()
        remaining = end - time.monotonic()
        if remaining <= 0 or not (tasks or threads):
            return tasks, threads
        if threads:
            remaining = min(remaining, pause)
            pause = min(1.2 * pause, 0.02)
        if tasks:
            await asyncio.wait(tasks, timeout=remaining)
        else:
            await asyncio.sleep(remaining)


current_tasks: contextvars.ContextVar[RequestTasks | None] = contextvars.ContextVar(
    "fc_adapter.request_tasks", default=None
)


def without_request(function: Callable[..., T], *arguments: Any) -> T:
    """Call ``function`` so that the tasks it starts belong to no request and no invocation."""
    from ..invocation import context_variable

    context = contextvars.copy_context()
    context.run(current_tasks.set, None)
    context.run(context_variable().set, None)
    return context.run(function, *arguments)


class _TaskFactory:
    """Makes tasks as the loop or the app's own factory would, and files each with the request that started it."""

    def __init__(self, inner: Callable[..., Any] | None) -> None:
        self._inner = inner
        self._make = inner or _make_task

    def __call__(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> Any:
        return _file(self._make(loop, coro, **options), loop, options.get("context"))

    def __getattr__(self, name: str) -> Any:
        """Look like the app's own factory, for libraries that recognise one.

        anyio (4.16: ``TaskGroup._spawn``) knows asyncio's eager factory by its code, and then makes its tasks with what
        that has in its closure, so that they do not begin at once.
        """
        inner = self.__dict__["_inner"]
        is_eager = name == "__closure__" and _EAGER_CODE and getattr(inner, "__code__", None) is _EAGER_CODE
        if is_eager:  # pragma: no cover - from Python 3.12 on
            return (CellType(partial(_construct, inner.__closure__[0].cell_contents)),)
        return getattr(inner, name)


_EAGER_CODE = getattr(getattr(asyncio, "eager_task_factory", None), "__code__", None)  # from Python 3.12 on


def _construct(make: Callable[..., Task], coro: Any, *, loop: asyncio.AbstractEventLoop, **options: Any) -> Task:
    task = make(coro, loop=loop, **options)  # pragma: no cover - from Python 3.12 on
    return _file(task, loop, options.get("context"))  # pragma: no cover - as above


def _file(task: Task, loop: asyncio.AbstractEventLoop, context: contextvars.Context | None) -> Task:
    """Add ``task`` to the request that started it, unless it has ended in its first step already, as eager ones may."""
    request_tasks = current_tasks.get() if context is None else context.get(current_tasks)
    if request_tasks is not None and request_tasks.loop is loop and not task.done():
        request_tasks.add(task)
    return task


def _make_task(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> Task:
    return asyncio.Task(coro, loop=loop, **options)


def take_exception(task: Task) -> BaseException | None:
    """What ended a task that is done, so that asyncio does not report it too; None for a cancellation."""
    return None if task.cancelled() else task.exception()


def name_task(task: Task) -> tuple[str, ...]:
    """The names of the code that a task runs."""
    return name_coroutine(task.get_coro())


def describe_task(task: Task) -> str:
    """The name of a task and what it runs: ``Task-7 (mysite.mail.send)``."""
    return describe(task.get_name(), name_task(task))


def format_stack(task: Task) -> str:
    """Where a suspended task waits, from its own frame down to the innermost await, as a traceback shows it."""
    frames = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is None:  # a future, at the end of the chain
            break
        frames.append((frame, frame.f_lineno))
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return "".join(traceback.StackSummary.extract(iter(frames)).format())
