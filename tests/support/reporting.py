"""Apps that fail, and the error reporters that people use, which belong to a process.

``python -m tests.support.reporting FILE APP...`` runs apps of ``APPS`` through the adapter, on the event in a file.
A server that imports this module finds the one that ``REPORTED`` names as ``app``. What would be sent of each goes
to a file of its name in the directory ``REPORTS``, one JSON document on each line. ``REPORTER`` is ``sentry`` (with its
default settings), ``structlog`` or ``opentelemetry``.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from asyncio import sleep
from contextlib import asynccontextmanager, suppress
from pathlib import Path

DIRECTORY = Path(os.environ["REPORTS"])
REPORTER = os.environ["REPORTER"]


def record(text):
    """Keep a JSON document that a reporter would send."""
    with PATH.open("a", encoding="utf-8") as file:
        file.write(" ".join(text.splitlines()) + "\n")


# ---- the reporters ---------------------------------------------------------------------------------------------------


# Sentry imports each framework and client that it finds, which takes seconds: these are as if not installed.
OTHERS = (
    "aiohttp",
    "asyncpg",
    "bottle",
    "falcon",
    "litestar",
    "mcp",
    "pymongo",
    "pyramid",
    "quart",
    "redis",
    "sqlalchemy",
)


def sentry():
    sys.modules.update(dict.fromkeys(OTHERS))
    import sentry_sdk

    class Transport(sentry_sdk.Transport):
        def capture_envelope(self, envelope):
            for item in envelope.items:
                if item.type == "event":
                    record(json.dumps(item.payload.json))

    sentry_sdk.init("https://key@sentry.invalid/1", transport=Transport)


def structlog():
    import structlog

    class Handler(logging.Handler):
        def emit(self, log_record):
            record(self.format(log_record))

    handler = Handler(logging.ERROR)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.dict_tracebacks,
                structlog.processors.JSONRenderer(),
            ]
        )
    )
    logging.getLogger().addHandler(handler)


def opentelemetry():
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

    class Exporter(SpanExporter):
        def export(self, spans):
            for span in spans:
                record(span.to_json(indent=None))

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Exporter()))
    trace.set_tracer_provider(provider)


# ---- the apps --------------------------------------------------------------------------------------------------------


def fail():
    if REPORTER == "opentelemetry":
        from opentelemetry import trace

        with trace.get_tracer("tests").start_as_current_span("order"):
            raise RuntimeError("out of stock")
    raise RuntimeError("out of stock")


def wsgi():
    def app(environ, start_response):
        environ["wsgi.input"].read()
        fail()

    return app


def wsgi_generator():
    def app(environ, start_response):
        environ["wsgi.input"].read()
        start_response("200 OK", [])
        yield b""
        fail()

    return app


def wsgi_context():
    """An app whose error has a context that the server raised."""

    def app(environ, start_response):
        try:
            start_response(200, [])  # not a string
        except Exception:
            fail()

    return app


def wsgi_stack():
    """An app that logs an error without an exception, from where reporters go up the stack."""

    def app(environ, start_response):
        logging.getLogger("shop").error("out of stock", stack_info=True)
        start_response("204 No Content", [])
        return []

    return app


def wsgi_middleware():
    from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware

    return SentryWsgiMiddleware(wsgi())


def asgi():
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await receive()
        fail()

    return app


def asgi_after_response():
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})
        fail()

    return app


def asgi_stack():
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        logging.getLogger("shop").error("out of stock", stack_info=True)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    return app


def asgi_middleware():
    from sentry_sdk.integrations.asgi import SentryAsgiMiddleware

    return SentryAsgiMiddleware(asgi())


def asgi_startup():
    """An app whose startup says that it fails, and then raises, as Starlette's does."""

    async def app(scope, receive, send):
        await receive()
        try:
            fail()
        except RuntimeError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise

    return app


def asgi_startup_middleware():
    from sentry_sdk.integrations.asgi import SentryAsgiMiddleware

    return SentryAsgiMiddleware(asgi_startup())


def asgi_lifespan():
    """An app whose lifespan fails while the app serves."""

    async def app(scope, receive, send):
        if scope["type"] == "http":
            await sleep(0.01)
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})
        else:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            fail()

    return app


def flask():
    from flask import Flask, request

    app = Flask("shop")

    @app.post("/order")
    def order():
        request.get_data()
        fail()

    return app


def fastapi():
    from fastapi import FastAPI, Request

    app = FastAPI()

    async def order(request: Request):
        await request.body()
        fail()

    order.__annotations__["request"] = Request
    app.post("/order")(order)
    return app


def fastapi_background():
    from fastapi import BackgroundTasks, FastAPI, Request

    app = FastAPI()

    async def order(request: Request, tasks: BackgroundTasks):
        tasks.add_task(fail)
        return await request.json()

    order.__annotations__.update(request=Request, tasks=BackgroundTasks)
    app.post("/order")(order)
    return app


def _fastapi_that_fails(at):
    from fastapi import FastAPI

    @asynccontextmanager
    async def lifespan(app):
        if at == "startup":
            fail()
        yield
        fail()

    return FastAPI(lifespan=lifespan)


def fastapi_startup():
    return _fastapi_that_fails("startup")


def fastapi_shutdown():
    return _fastapi_that_fails("shutdown")


def _django():
    import django
    from django.conf import settings
    from django.urls import path

    if settings.configured:
        return

    def order(request):
        assert request.body
        fail()

    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=(path("order", order),), SECRET_KEY="under test")
    django.setup()


def django_wsgi():
    from django.core.wsgi import get_wsgi_application

    _django()
    return get_wsgi_application()


def django_asgi():
    from django.core.asgi import get_asgi_application

    _django()
    return get_asgi_application()


APPS = {
    "wsgi": wsgi,
    "wsgi_generator": wsgi_generator,
    "wsgi_context": wsgi_context,
    "wsgi_middleware": wsgi_middleware,
    "wsgi_stack": wsgi_stack,
    "asgi": asgi,
    "asgi_after_response": asgi_after_response,
    "asgi_middleware": asgi_middleware,
    "asgi_stack": asgi_stack,
    "asgi_startup": asgi_startup,
    "asgi_startup_middleware": asgi_startup_middleware,
    "asgi_lifespan": asgi_lifespan,
    "flask": flask,
    "fastapi": fastapi,
    "fastapi_background": fastapi_background,
    "fastapi_startup": fastapi_startup,
    "fastapi_shutdown": fastapi_shutdown,
    "django_wsgi": django_wsgi,
    "django_asgi": django_asgi,
}
{"sentry": sentry, "structlog": structlog, "opentelemetry": opentelemetry}[REPORTER]()

if __name__ == "__main__":
    import fc_adapter

    def call(handler, path):
        __traceback_hide__ = True  # the event is the platform's to hide here
        handler(path.read_bytes())

    for name in sys.argv[2:]:
        PATH = DIRECTORY / name
        handler = fc_adapter.wrap(APPS[name]())
        call(handler, Path(sys.argv[1]))
        with suppress(fc_adapter.AppError):
            handler.pre_stop()
else:
    PATH = DIRECTORY / os.environ["REPORTED"]
    app = APPS[os.environ["REPORTED"]]()
