"""Background work of requests: how long to wait for it, what not to wait for, and what the log says of the rest.

Tasks (``asgi/tasks.py``) and threads (``threads.py``) are known by the names of the code that they run: the function
itself, and the functions and coroutines it was given, as ``("asyncio.threads.to_thread", "mysite.mail.send")``.
"""

from __future__ import annotations

import time
from functools import partial
from types import BuiltinFunctionType, CoroutineType, FunctionType, MethodType

from .invocation import ACTIVE_THREADS, STARTING_THREADS, function_timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from .invocation import Invocation
    from .threads import Work

    Names = tuple[str, ...]

RESERVE = 0.5  # seconds of the function's timeout that waiting for background work leaves for returning the response

# What libraries start at some request and keep for the instance's life, by module and qualified name. Each was read in
# the source of the version that stands above it. A library's own loop belongs here if it does nothing for the request
# that is lost when it stands still; whatever it does for a request is awaited by that request.
ENDLESS = frozenset(
    {
        # sse-starlette 3.7, sse_starlette/sse.py: polls for the server's shutdown
        "sse_starlette.sse._shutdown_watcher",
        # PyMongo 4.20, pymongo/periodic_executor.py: a client's server monitors and its cleaning up
        "pymongo.periodic_executor.AsyncPeriodicExecutor._run",
        # MCP SDK 2.3, 1.30 and 1.20, mcp/server/streamable_http_manager.py, streamable_http.py, session.py and
        # mcp/shared/session.py: a session until its DELETE
        "mcp.server.streamable_http_manager.StreamableHTTPSessionManager._serve_opening_request.<locals>.run_server",
        "mcp.server.streamable_http_manager.StreamableHTTPSessionManager._handle_stateful_request.<locals>.run_server",
        "mcp.server.streamable_http_manager.StreamableHTTPSessionManager._serve_opening_request.<locals>.run_server."
        "<locals>.end_when_idle",
        "mcp.server.streamable_http.StreamableHTTPServerTransport.connect.<locals>.message_router",
        "mcp.server.session.ServerSession._receive_loop",
        "mcp.shared.session.BaseSession._receive_loop",
        # psycopg-pool 3.3, psycopg_pool/pool_async.py: a pool's workers and its scheduler
        "psycopg_pool.pool_async.AsyncConnectionPool.worker",
        "psycopg_pool.sched_async.AsyncScheduler.run",
        # aiokafka 0.14, aiokafka/client.py, conn.py, producer/sender.py, consumer/fetcher.py, group_coordinator.py
        "aiokafka.client.AIOKafkaClient._md_synchronizer",
        "aiokafka.conn.AIOKafkaConnection._read",
        "aiokafka.producer.sender.Sender._sender_routine",
        "aiokafka.consumer.fetcher.Fetcher._fetch_requests_routine",
        "aiokafka.consumer.group_coordinator.NoGroupCoordinator._reset_committed_routine",
        "aiokafka.consumer.group_coordinator.GroupCoordinator._coordination_routine",
        "aiokafka.consumer.group_coordinator.GroupCoordinator._heartbeat_routine",
        "aiokafka.consumer.group_coordinator.GroupCoordinator._commit_refresh_routine",
        # aio-pika 10.2 and aiormq 7.2, aio_pika/robust_connection.py, aiormq/connection.py, channel.py
        "aio_pika.robust_connection.RobustConnection.__connection_factory",
        "aiormq.connection.Connection.__reader",
        "aiormq.connection.Connection.__writer",
        "aiormq.connection.Connection.__heartbeat",
        "aiormq.channel.Channel._reader",
        # nats-py 2.16, nats/aio/client.py, subscription.py
        "nats.aio.client.Client._read_loop",
        "nats.aio.client.Client._ping_interval",
        "nats.aio.client.Client._flusher",
        "nats.aio.subscription.Subscription._wait_for_msgs",
        # python-engineio 4.15, under Socket.IO: engineio/async_server.py, async_socket.py
        "engineio.async_server.AsyncServer._service_task",
        "engineio.async_socket.AsyncSocket._send_ping",
        # aiojobs 1.4, aiojobs/_scheduler.py: collects what the jobs have raised
        "aiojobs._scheduler.Scheduler._wait_failed",
        # broadcaster 0.3, broadcaster/_base.py, _backends/redis.py
        "broadcaster._base.Broadcast._listener",
        "broadcaster._backends.redis.RedisBackend._pubsub_listener",
        # langgraph-checkpoint 4.3, langgraph/store/base/batch.py: a queue whose users await their results
        "langgraph.store.base.batch._run",
        # LiteLLM 1.109, litellm/litellm_core_utils/logging_worker.py; Sentry 2.75, sentry_sdk/worker.py: queues of logs
        "litellm.litellm_core_utils.logging_worker.LoggingWorker._worker_loop",
        "sentry_sdk.worker.AsyncWorker._target",
        # AnyIO 4.16, anyio/_backends/_asyncio.py: threads that wait for the next call, which a task awaits
        "anyio._backends._asyncio.WorkerThread",
        # aiosqlite 0.22 and 0.20, aiosqlite/core.py: a connection's thread, likewise
        "aiosqlite.core._connection_worker_thread",
        "aiosqlite.core.Connection",
        # redis-py 8.1, redis/client.py: PubSub.run_in_thread()
        "redis.client.PubSubWorkerThread",
    }
)


class Background:
    """What one handler knows of background work. ``timeout`` (seconds): how long a request waits for it at most."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.left: Any = ()  # once there is some: a WeakSet of threads and work items that were left running
        self._given_up: set[Names] = set()

    def is_endless(self, names: Names) -> bool:
        """Whether no request waits for such code: a library's endless loop, or what one has waited for in vain."""
        return names in self._given_up or is_known_endless(names)

    def run(self, function: Callable[[Any, Any], Any], invocation: Invocation) -> Any:
        """Call ``function(event, context)`` in this thread, and wait for the threads that it has started.

        Returns its result, and raises what it raises.
        """
        began, before = time.monotonic(), self.begin()
        try:
            result = function(invocation.event, invocation.context)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            self.wait(before, began, invocation)
            raise
        self.wait(before, began, invocation)
        return result

    def patience(self, began: float, context: Any, reserve: float = RESERVE) -> float:
        """Seconds to wait from now on, for an invocation that ``began`` at that time of ``time.monotonic()``.

        ``reserve`` (seconds) of the function's timeout is left, where the platform's ``context`` tells the timeout.
        """
        timeout = function_timeout(context)
        if timeout is None:
            return self.timeout
        return min(self.timeout, max(began + timeout - reserve - time.monotonic(), 0.0))

    def begin(self) -> frozenset[Any] | None:
        """The threads and the work of executors that run now; None for this thread alone."""
        if len(ACTIVE_THREADS) == 1:
            return None
        from . import threads

        return threads.begin()

    def is_alone(self, before: frozenset[Any] | None) -> bool:
        """Whether this is the only thread, as ``before``: the short answer to what ``find_threads()`` looks for."""
        return before is None and len(ACTIVE_THREADS) == 1 and not STARTING_THREADS

    def find_threads(self, before: frozenset[Any] | None) -> list[Work]:
        """What runs in other threads, was not there ``before``, and is waited for."""
        if self.is_alone(before):
            return []
        from . import threads

        return threads.find(before or frozenset(), self)

    def wait(self, before: frozenset[Any] | None, began: float, invocation: Invocation) -> None:
        """Wait in this thread for the threads of an invocation, and log what is left of them."""
        if self.is_alone(before):
            return
        from . import threads

        seconds = self.patience(began, invocation.context)
        left = threads.join_all(lambda: self.find_threads(before), seconds)
        if left:
            self.give_up(invocation, seconds, (), left)

    def find_left(self) -> list[Work]:
        """What requests have left running in other threads, and still runs."""
        if not self.left:
            return []
        from . import threads

        return threads.find_left(self)

    def wait_for_left(self) -> None:
        """Wait in this thread for what ``find_left()`` finds, for ``timeout`` once more: the instance ends."""
        if self.find_left():
            from . import threads

            self.say_farewell(map(str, threads.join_all(self.find_left, self.timeout)), self.timeout)

    def say_farewell(self, left: Iterable[str], waited: float) -> None:
        """Log what the end of the instance cuts off after it has ``waited`` so many seconds, as descriptions."""
        left = list(left)
        if left and self.timeout:
            from logging import getLogger

            message = "the instance ends, and cuts off after a last %.2g s what requests have left running: %s"
            getLogger("fc_adapter").warning(message, waited, ", ".join(left))

    def give_up(
        self, invocation: Invocation, waited: float, tasks: Iterable[tuple[Names, str]], threads: list[Work]
    ) -> None:
        """Say what an invocation leaves behind after it has ``waited`` so many seconds, and whether for good.

        Code that has taken the whole ``timeout``, or half of the function's, is not waited for again. Of ``tasks``
        there are the names of their code and a description.
        """
        if threads:
            from weakref import WeakSet

            self.left = WeakSet([*self.left, *[work.key for work in threads]])
        if not self.timeout:
            return
        left = [*tasks, *[(work.names, str(work)) for work in threads]]
        timeout = function_timeout(invocation.context)
        is_final = waited >= self.timeout or (timeout is not None and waited >= timeout / 2)
        if is_final:
            self._given_up.update([names for names, _ in left if names])
        from logging import getLogger

        getLogger("fc_adapter").warning(
            "the client of request %s has waited %.2g s for background work. This work is still running, and the "
            "platform freezes it until the next request: %s. %sIf it is endless, start it before the first request or "
            "within fc_adapter.detached(); if it takes long, raise background_timeout and the function's timeout, "
            "or use a queue",
            invocation.request_id or "(no id)",
            waited,
            ", ".join([text for _, text in left]),
            "No later request of this instance waits for it. " if is_final else "",
        )


def is_known_endless(names: Names) -> bool:
    """Whether a library runs such code for as long as the instance lives."""
    return not ENDLESS.isdisjoint(names)


def describe(what: str, names: Names) -> str:
    """``Task-7 (asyncio.threads.to_thread: mysite.mail.send)``."""
    code = ": ".join([name for name in names if not name.startswith("anyio.")] or names)
    return f"{what} ({code})" if code and code != what else what


# ---- the names of code -----------------------------------------------------------------------------------------------


def name_call(function: Any, arguments: Iterable[Any] = ()) -> Names:
    """The names of a function and of the functions among its arguments, which a generic one calls in turn."""
    names = _name_values([function], 4) or (_join(function if isinstance(function, type) else type(function)),)
    return names + _name_values(arguments, 4)


def name_coroutine(coroutine: Any, depth: int = 4) -> Names:
    """The names of a coroutine's function, and of the coroutines and functions among its arguments.

    What its ``self`` holds counts, too: anyio runs each task in a method of an object that has the coroutine.
    """
    frame = getattr(coroutine, "cr_frame", None)
    name = getattr(coroutine, "__qualname__", None) or type(coroutine).__qualname__
    if frame is None:
        return (name,)
    names: Names = (f"{frame.f_globals.get('__name__')}.{name}",)
    code, variables = frame.f_code, frame.f_locals
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & _VARARGS) + bool(code.co_flags & _VARKEYWORDS)
    values: list[Any] = []
    for variable in code.co_varnames[:count]:
        value = variables.get(variable)
        if variable == "self":
            values.extend(_attributes(value))
        values.extend(value if type(value) is tuple else (value,))
    return names + _name_values(values, depth - 1)


_VARARGS, _VARKEYWORDS = 4, 8  # inspect.CO_VARARGS and CO_VARKEYWORDS, which are too slow to import for a WSGI app


def _name_values(values: Iterable[Any], depth: int) -> Names:
    """The names of those values that are code. Their types decide: a proxy may not be asked outside of its request."""
    names: Names = ()
    for value in values if depth else ():
        if isinstance(value, CoroutineType):
            names += name_coroutine(value, depth)
        elif isinstance(value, partial):
            names += _name_values([value.func, *value.args], depth - 1)
        elif isinstance(value, MethodType):
            names += _name_values([value.__func__], depth)
        elif isinstance(value, (FunctionType, BuiltinFunctionType)):
            names += (_join(value),)
    return names


def _attributes(instance: Any) -> list[Any]:
    values = [*getattr(instance, "__dict__", {}).values()]
    for kind in type(instance).__mro__:
        slots: Any = kind.__dict__.get("__slots__", ())
        values.extend([getattr(instance, slot, None) for slot in ((slots,) if isinstance(slots, str) else slots)])
    return values


def _join(code: Any) -> str:
    module = getattr(code, "__module__", None)
    return f"{module}.{code.__qualname__}" if module else str(code.__qualname__)
