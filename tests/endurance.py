"""Many invocations in one process: what grows with them?

``python -m tests.endurance`` makes 200,000 on each side and prints what it has measured; with ``--minutes 20`` the
runner serves requests over sockets for so long instead. Either exits with 1 when something has grown.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import sys
import threading
import tracemalloc
from contextlib import contextmanager
from typing import NamedTuple

from fc_adapter import wrap
from tests.conftest import make_event


class Sample(NamedTuple):
    """What a process holds after so many ``invocations``: memory in KB, numbers of the rest."""

    invocations: int
    resident: int
    traced: int
    objects: int
    threads: int
    tasks: int
    descriptors: int


# What the last sample may have more than the first. Memories of header names fill up, and the system hands out pages.
ALLOWED = Sample(sys.maxsize, resident=8192, traced=1024, objects=500, threads=0, tasks=0, descriptors=0)


def take_sample(invocations, tasks):
    """A sample of this process."""
    gc.collect()
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    return Sample(
        invocations,
        resident,
        tracemalloc.get_traced_memory()[0] // 1024,
        len(gc.get_objects()),
        threading.active_count(),
        tasks,
        len(os.listdir("/proc/self/fd")),
    )


def grown(samples, allowed=ALLOWED):
    """The names of what the last sample has more of than the first by more than what is ``allowed``."""
    growth = [last - first for first, last in zip(samples[0], samples[-1])]
    return [name for name, more, most in zip(allowed._fields, growth, allowed) if more > most]


# ---- the app, in two interfaces --------------------------------------------------------------------------------------

JSON = ("Content-Type", "application/json")


def answer(path, body):
    """Status, headers and body of the response to a request."""
    if path == "/error":
        raise RuntimeError("the app's own")
    if path == "/not-modified":
        return 304, [("ETag", '"1"')], b""
    if path == "/cookies":
        return 200, [JSON, *(("Set-Cookie", f"c{number}={body!r:.20}; Path=/") for number in range(5))], b"{}"
    if path == "/binary":
        return 200, [("Content-Type", "image/png")], bytes(range(256)) * 40
    if path == "/wrong":
        return 200, [("X-A", "1\r\n2")], b""
    return 200, [JSON], json.dumps({"seen": json.loads(body or b"{}")}).encode()


def wsgi_app(environ, start_response):
    threading.Thread(target=len, args=("",)).start()
    status, headers, body = answer(environ["PATH_INFO"], environ["wsgi.input"].read())
    start_response(f"{status} Whatever", headers)
    yield body


async def asgi_app(scope, receive, send):
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
        return
    threading.Thread(target=len, args=("",)).start()
    asyncio.ensure_future(asyncio.sleep(0))
    status, headers, body = answer(scope["path"], (await receive())["body"])
    if scope["path"] == "/background":
        asyncio.ensure_future(asyncio.sleep(0))
        await asyncio.to_thread(len, body) if scope["query_string"] else None
    if scope["path"] == "/tasks":
        body = b"%d" % len(asyncio.all_tasks())
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode()) for name, value in headers],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body"})


APPS = {"wsgi": wsgi_app, "asgi": asgi_app}

# Ten requests, most of them the usual one, and the status of each.
VARIANTS = [
    *([("/items", 200)] * 4),
    ("/background", 200),
    ("/cookies", 200),
    ("/not-modified", 304),
    ("/binary", 200),
    ("/error", 500),
    ("/wrong", 500),
]


def invoke(handler, number):
    """One invocation, as the platform makes it. Each hundredth has a header, a path and a query that come only once."""
    path, status = VARIANTS[number % len(VARIANTS)]
    headers = {"Content-Type": "application/json", "Cookie": f"id={number}", "User-Agent": "endurance"}
    query = {"page": str(number % 7)} if number % 3 else {}
    if number % 100 == 0:
        headers[f"X-Only-{number}"] = "once"
        query[f"only-{number}"] = "é"
        path = f"/only/{number}"
    event = make_event(
        method="POST",
        raw_path=path,
        headers=headers,
        query=query,
        body=json.dumps({"number": number, "name": "你好"}),
        request_id=f"1-{number}",
    )
    assert handler(json.dumps(event).encode(), None)["statusCode"] == status


def count_tasks(handler):
    """How many tasks the handler's loop has, but for that which counts; WSGI has none."""
    body = json.loads(handler(make_event(raw_path="/tasks"), None)["body"])
    return body - 1 if isinstance(body, int) else 0


@contextmanager
def written_log():
    """Have the log formatted and written, as on the platform, and not kept by anybody."""
    logger = logging.getLogger("fc_adapter")
    with open(os.devnull, "w") as nowhere:
        output = logging.StreamHandler(nowhere)
        logger.addHandler(output)
        logger.propagate = False
        try:
            yield
        finally:
            logger.propagate = True
            logger.removeHandler(output)


def run(interface, invocations, parts):
    """The samples taken after each of so many equal ``parts`` of ``invocations``."""
    handler = wrap(APPS[interface])
    samples = []
    with written_log():
        tracemalloc.start()
        for number in range(invocations):
            invoke(handler, number)
            if (number + 1) % (invocations // parts) == 0:
                samples.append(take_sample(number + 1, count_tasks(handler)))
        tracemalloc.stop()
    handler.pre_stop()
    return samples


def report(title, samples, allowed):
    """Print the samples as a table, and what has grown. Returns whether nothing has."""
    print(f"\n{title}\n\n| {' | '.join(allowed._fields)} |\n| {' | '.join(['---:'] * len(allowed))} |")
    for sample in samples:
        print(f"| {' | '.join(f'{value:,}' for value in sample)} |")
    found = grown(samples, allowed)
    print(f"\ngrown: {', '.join(found) or 'nothing'}", flush=True)
    return not found


def main(arguments=None):
    """The command. Returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.endurance", description=__doc__.partition("\n")[0])
    parser.add_argument("--invocations", type=int, default=200_000, help="on each side (default: %(default)s)")
    parser.add_argument("--minutes", type=float, help="serve over sockets for so long instead")
    parser.add_argument("--parts", type=int, default=5, help="after each of which is measured (default: %(default)s)")
    options = parser.parse_args(arguments)
    results = []
    if options.minutes is None:
        for interface in APPS:
            results.append(report(interface, run(interface, options.invocations, options.parts), ALLOWED))
    else:
        from tests.runner import endurance

        for name, (samples, answers) in endurance.run(60 * options.minutes, options.parts).items():
            results.append(report(f"{name}, answers {dict(sorted(answers.items()))}", samples, endurance.ALLOWED))
    return int(not all(results))


if __name__ == "__main__":  # pragma: no cover - test_nothing_grows runs it without coverage
    sys.exit(main())
