"""The apps of the matrix, and the real servers that they are compared behind."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .exchange import serve

# Each is a module of ``tests.apps`` that has an ``app``.
WSGI_APPS = ("raw_wsgi", "bottle_wsgi", "django_wsgi", "falcon_wsgi", "flask_wsgi", "pyramid_wsgi")
ASGI_APPS = (
    *("raw_asgi", "django_asgi", "falcon_asgi", "fastapi_asgi", "litestar_asgi", "quart_asgi", "starlette_asgi"),
)
RAW_APPS = ("raw_wsgi", "raw_asgi")

GUNICORN = [
    *(sys.executable, "-m", "gunicorn", "--bind", "fd://{fd}", "--workers", "1", "--worker-class", "sync"),
    *("--forwarded-allow-ips", "127.0.0.1", "--log-level", "error"),
]

UVICORN = [
    *(sys.executable, "-m", "uvicorn", "--fd", "{fd}", "--http", "h11", "--loop", "asyncio", "--ws", "none"),
    *("--log-level", "critical"),
]


@contextmanager
def serve_all(command: list[str], apps: Sequence[str]) -> Iterator[dict[str, int]]:
    """Run a server for each of ``apps``, and give their ports."""
    with serve(*([*command, f"tests.apps.{app}:app"] for app in apps)) as ports:
        yield dict(zip(apps, ports))
