"""What ``fc-adapter doctor`` finds in the source."""

from __future__ import annotations

import json
import sys

import pytest

from fc_adapter.config.runtimes import RUNTIMES, Runtime
from fc_adapter.project import project as project_module
from tests.support.shop import HERE


def test_no_module_for_the_handler(shop, diagnose):
    shop.configure(handler="web.main.handler", instanceLifecycleConfig=None)
    assert diagnose(imports=True)[0] == [
        ("error", "handler", f"there is no module 'web.main' in {shop.project.directory}")
    ]


def test_a_handler_in_a_package(shop, diagnose):
    shop.configure(handler="web.main.handler", instanceLifecycleConfig=None)
    shop.project.write({"web/main.py": "from index import handler\n"})
    assert diagnose(imports=True)[0] == []


def test_a_handler_in_a_package_beside_the_code(shop, diagnose):
    shop.configure(handler="web.handler", instanceLifecycleConfig=None)
    shop.project.write({"python/web/__init__.py": "from index import handler\n"})
    assert diagnose(imports=True)[0] == []


def test_names_that_the_module_does_not_have(shop, diagnose):
    shop.project.write({"index.py": "import fc_adapter\n"})
    assert [message for _, _, message in diagnose()[0]] == [
        "index.py has no 'handler', which s.yaml names as the handler",
        "index.py has no 'initialize', which s.yaml names as the initializer",
        "index.py has no 'pre_stop', which s.yaml names as the preStop",
    ]


@pytest.mark.parametrize("source", ["from app import *\n", "from app import app as handler, initialize, pre_stop\n"])
def test_names_that_the_module_may_have(shop, diagnose, source):
    shop.project.write({"index.py": source})
    assert diagnose()[0] == []


def test_hooks_in_another_module(shop, diagnose):
    hooks = {"initializer": {"handler": "hooks.start", "timeout": 30}, "preStop": {"handler": "hooks.stop"}}
    shop.configure(instanceLifecycleConfig=hooks)
    assert diagnose()[0] == []


BROKEN = {
    "broken.py": "import\n",
    "deep.py": "-" * 100_000 + "1",
    "null.py": b"\0",
    "odd.py": b"# coding: odd\n",
    "escape.py": "'\\d'\n",
}


def unreadable(found):
    """The files of the findings about syntax, which are all that there are."""
    assert {(level, check) for level, check, _ in found} <= {("warning", "syntax")}
    return [message.partition(", ")[0] for _, _, message in found]


def test_a_file_that_the_runtime_cannot_read(shop, diagnose):
    shop.project.write(BROKEN)
    assert unreadable(diagnose()[0]) == ["broken.py", "deep.py", "null.py", "odd.py"]


def test_a_file_that_another_interpreter_cannot_read(shop, diagnose, monkeypatch, tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(project_module, "find_interpreter", lambda runtime: str(python))
    shop.project.write(BROKEN)
    assert unreadable(diagnose()[0]) == ["broken.py", "deep.py", "null.py", "odd.py"]


def test_a_file_that_is_newer_than_the_runtime(shop, diagnose, monkeypatch):
    monkeypatch.setattr(project_module, "find_interpreter", lambda runtime: None)
    monkeypatch.setitem(RUNTIMES, HERE, Runtime((3, 5), (2, 28), ""))
    shop.project.write({**BROKEN, "newer.py": "number: int = 1\n"})
    assert unreadable(diagnose()[0]) == ["broken.py", "deep.py", "newer.py", "null.py", "odd.py"]


def test_a_file_that_only_the_runtime_can_read(shop, diagnose, monkeypatch):
    monkeypatch.setattr(project_module, "find_interpreter", lambda runtime: None)
    monkeypatch.setitem(RUNTIMES, HERE, Runtime((3, 99), (2, 28), ""))
    shop.project.write({"newer.py": "import\n"})
    found, report = diagnose(imports=True)
    assert found == []
    assert "the handler was not imported: there is no Python 3.99 here" in json.dumps(report)


LIFESPANS = {
    "FastAPI": "from fastapi import FastAPI\napp = FastAPI(lifespan=None)\n",
    "Starlette": "from starlette import applications\napp = applications.Starlette(on_startup=[])\n",
    "an event": "@app.on_event('startup')\nasync def connect():\n    pass\n",
    "a handler of an event": "app.add_event_handler('shutdown', close)\n",
    "Quart": "@app.before_serving\nasync def connect():\n    pass\n",
}


@pytest.mark.parametrize("source", LIFESPANS.values(), ids=LIFESPANS)
def test_a_lifespan_without_hooks(shop, diagnose, source):
    shop.project.write({"web.py": source})
    assert diagnose()[0] == []
    shop.configure(instanceLifecycleConfig=None)
    ((level, check, message),), _ = diagnose()
    assert (level, check) == ("warning", "hooks")
    assert message.startswith("the app has a lifespan (web.py, line ")
    assert message.endswith("), and s.yaml has no initializer and no preStop")


@pytest.mark.parametrize(
    "source", ["app.on_event()\n", "@bus.on_event('sold')\ndef sold():\n    pass\n", "plan(lifespan=3)\n", "x.y\n"]
)
def test_what_is_no_lifespan(shop, diagnose, source):
    shop.project.write({"web.py": source})
    shop.configure(instanceLifecycleConfig=None)
    assert diagnose()[0] == []


HEADERS = {
    "response.headers['Connection'] = 'close'\n": "Connection",
    "response['X-Fc-Trace'] = 1\n": "X-Fc-Trace",
    "resp.set_header('Server', 'mine')\n": "Server",
    "reply.headers.setdefault('Date', now)\n": "Date",
    "def f():\n    return 'text', 200, {'Upgrade': 'x'}\n": "Upgrade",
    "JSONResponse({}, headers={'Keep-Alive': 'x'})\n": "Keep-Alive",
    "raise HTTPException(401, headers={'server': 'x'})\n": "server",
    "send_file(path, as_attachment=True)\n": "Content-Disposition",
    "FileResponse(path, filename='a.txt')\n": "Content-Disposition",
}


@pytest.mark.parametrize(("source", "name"), HEADERS.items())
def test_headers_that_the_platform_drops(shop, diagnose, source, name):
    shop.project.write({"web.py": source})
    ((level, check, message),), _ = diagnose()
    assert (level, check) == ("warning", "headers")
    assert message.startswith(f"a response sets {name} (web.py, line ")


@pytest.mark.parametrize(
    "source",
    [
        "response.headers['Content-Length'] = '3'\n",
        "request.headers['Connection'] = 'close'\n",
        "headers['Connection'] = 'close'\n",
        "config['Server'] = 'x'\n",
        "requests.get(url, headers={'Connection': 'close'})\n",
        "JSONResponse({}, status=200, headers=headers)\n",
        "set('Date')\n",
        "calendar.add('Date')\n",
        "FileResponse(path)\nsend_file(path)\n",
        "x, y = 1, 2\n",
        "def f():\n    return 1\n",
        "f()()\n",
    ],
)
def test_headers_that_pass(shop, diagnose, source):
    shop.project.write({"web.py": source})
    assert diagnose()[0] == []


STREAMS = [
    "StreamingResponse(rows())\n",
    "from django import http\nhttp.StreamingHttpResponse(rows)\n",
    "Response(stream_with_context(rows()))\n",
    "from litestar.response import Stream\nStream(rows)\n",
    "def rows():\n    yield 1\n\ndef f():\n    return Response(rows(), mimetype='text/csv')\n",
]


@pytest.mark.parametrize("source", STREAMS)
def test_streaming(shop, diagnose, source):
    shop.project.write({"web.py": source})
    ((level, check, message),), _ = diagnose()
    assert (level, check) == ("warning", "streaming")
    assert message.startswith("the app streams responses (web.py, line ")


@pytest.mark.parametrize(
    "source", ["Stream(1)\n", "def f():\n    return 1\n\nResponse(f())\n", "Response()\n", "Response('x')\n"]
)
def test_what_is_no_stream(shop, diagnose, source):
    shop.project.write({"web.py": source})
    assert diagnose()[0] == []


def test_many_streams_are_summed_up(shop, diagnose):
    shop.project.write({"web.py": "StreamingResponse(x)\n" * 5})
    places = "; ".join(f"web.py, line {number}" for number in (1, 2, 3))
    assert diagnose()[0] == [("warning", "streaming", f"the app streams responses ({places}; and 2 more)")]


@pytest.mark.parametrize(
    "source",
    [
        "@app.websocket('/ws')\nasync def f():\n    pass\n",
        "routes = [WebSocketRoute('/ws', f)]\n",
        "class Chat(generic.AsyncWebsocketConsumer):\n    pass\n",
    ],
)
def test_websocket(shop, diagnose, source):
    shop.project.write({"web.py": source})
    ((level, check, message),), _ = diagnose()
    assert (level, check) == ("warning", "streaming")
    assert message.startswith("the app has WebSocket routes (web.py, line ")


SENDERS = {
    "import sentry_sdk\nsentry_sdk.init(dsn=dsn)\n": "Sentry",
    "from sentry_sdk import init\ninit()\n": "Sentry",
    "from opentelemetry.sdk.trace.export import BatchSpanProcessor\np.add_span_processor(BatchSpanProcessor(e))\n": (
        "BatchSpanProcessor"
    ),
    "from opentelemetry.sdk.metrics import export\nexport.PeriodicExportingMetricReader(e)\n": (
        "PeriodicExportingMetricReader"
    ),
    "import logfire\nlogfire.configure()\n": "Logfire",
    "import logging.handlers\nlogging.handlers.QueueHandler(q)\n": "QueueHandler",
    "from logging import handlers as h\nh.MemoryHandler(100)\n": "MemoryHandler",
    "from aliyun.log import QueuedLogHandler\nQueuedLogHandler(*a)\n": "QueuedLogHandler",
    "from logtail import LogtailHandler\nLogtailHandler(source_token=t)\n": "LogtailHandler",
    "import logging_loki\nlogging_loki.LokiQueueHandler(q, url=u)\n": "LokiQueueHandler",
    "LOGGING = {'handlers': {'sls': {'level': 'INFO', 'class': 'aliyun.log.QueuedLogHandler'}}}\n": (
        "QueuedLogHandler"
    ),
    "LOGGING = {'handlers': {'q': {'()': 'logging.handlers.QueueHandler'}}}\n": "QueueHandler",
}


@pytest.mark.parametrize(("source", "name"), SENDERS.items())
def test_telemetry_without_flush(shop, diagnose, source, name):
    shop.project.write({"web.py": source})
    ((level, check, message),), _ = diagnose()
    assert (level, check) == ("warning", "flush")
    assert message.startswith(f"{name} sends later (web.py, line ")
    assert message.endswith("), and wrap() has no flush")


def test_each_sender_is_found_once(shop, diagnose):
    shop.project.write(
        {"web.py": "import logfire, sentry_sdk\nsentry_sdk.init()\nlogfire.configure()\nsentry_sdk.init()\n"}
    )
    assert [message.partition(",")[0] for _, _, message in diagnose()[0]] == [
        "Sentry sends later (web.py",
        "Logfire sends later (web.py",
    ]


@pytest.mark.parametrize("flush", ["flush=[]", "flush=()", "on_error='raise'"])
def test_no_flush_after_all(shop, diagnose, flush):
    shop.project.write({"web.py": f"import sentry_sdk\nsentry_sdk.init()\nhandler = wrap(app, {flush})\n"})
    assert [check for _, check, _ in diagnose()[0]] == ["flush"]


@pytest.mark.parametrize(
    "source",
    [
        "handler = fc_adapter.wrap(app, flush=[sentry_sdk.flush])\n",
        "handler = wrap(app, flush=FLUSH)\n",
        "handler = wrap(app, **options)\n",
        "def after():\n    sentry_sdk.flush(timeout=1)\n",
        "def after():\n    trace.get_tracer_provider().force_flush()\n",
    ],
)
def test_telemetry_that_is_flushed(shop, diagnose, source):
    shop.project.write({"web.py": f"import sentry_sdk\nsentry_sdk.init()\n{source}"})
    assert diagnose()[0] == []


@pytest.mark.parametrize(
    "source",
    [
        "import sentry_sdk\nsentry_sdk.capture_message('x')\n",
        "from opentelemetry.sdk.trace.export import SimpleSpanProcessor\nSimpleSpanProcessor(e)\n",
        "from aliyun.log import SimpleLogHandler\nSimpleLogHandler(*a)\n",
        "from shop.queues import QueueHandler\nQueueHandler(q)\n",
        "import logging\nlogging.StreamHandler()\nlogging.handlers.SysLogHandler()\n",
        "LOGGING = {'handlers': {'console': {'class': 'logging.StreamHandler'}}, **more}\n",
        "name = 'logging.handlers.QueueHandler'\n",
        "init()\nf()()\n",
    ],
)
def test_what_sends_nothing_later(shop, diagnose, source):
    shop.project.write({"web.py": source})
    assert diagnose()[0] == []


@pytest.mark.parametrize(
    ("read", "name"),
    [
        ("request.args.getlist('tag')", "tag"),
        ("flask.request.values.getlist('tag[]', type=int)", "tag[]"),
        ("request.GET.getlist('tag')", "tag"),
        ("request.query_params.getlist('tag')", "tag"),
        ("request.query.getall('tag')", "tag"),
        ("req.get_param_as_list('tag')", "tag"),
        ("request.form.getlist('tag')", ""),
        ("request.args.getlist(name)", ""),
        ("request.args.getlist()", ""),
        ("request.args['tag'].getlist", ""),
    ],
)
@pytest.mark.parametrize(
    ("wrap", "is_named"),
    [
        ("wrap(app)", False),
        ("wrap(app, split_query=['other'])", False),
        ("wrap(app, split_query=['tag', 'tag[]'])", True),
        ("wrap(app, split_query=('tag', 'tag[]'))", True),
        ("wrap(app, split_query=True)", True),
        ("wrap(app, split_query=False)", True),
        ("wrap(app, split_query=[NAME])", True),
    ],
)
def test_lists_that_are_read_by_hand(shop, diagnose, read, name, wrap, is_named):
    hooks = "initialize = handler.initialize\npre_stop = handler.pre_stop\n"
    shop.project.write({"index.py": f"import fc_adapter\nhandler = fc_adapter.{wrap}\n{hooks}"})
    shop.project.write({"pages.py": f"def first():\n    return {read}, {read}\n"})
    message = "the app reads a list out of the query (pages.py, line 2)"
    assert diagnose()[0] == ([("warning", "lists", message)] if name and not is_named else [])


@pytest.mark.parametrize(
    ("hosts", "is_found"),
    [
        ("[]", True),
        ("('www.example.com',)", True),
        ("['*']", False),
        ("['.fcapp.run']", False),
        ("[os.environ['SECRET_KEY']]", False),
        ("names", False),
    ],
)
def test_hosts_of_django(shop, diagnose, hosts, is_found):
    shop.project.write({"settings.py": f"ALLOWED_HOSTS = {hosts}\n"})
    message = "ALLOWED_HOSTS has no name under fcapp.run (settings.py, line 1)"
    assert diagnose()[0] == ([("warning", "hosts", message)] if is_found else [])


def test_a_database_in_the_code(shop, diagnose):
    shop.project.write({"settings.py": "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3'}}\n"})
    assert diagnose()[0] == [("warning", "database", "the settings name an SQLite database (settings.py, line 1)")]
