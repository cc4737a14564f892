"""What error reporters and error pages show of a request: no more than they show of it behind another server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import suppress
from copy import copy
from pathlib import Path
from traceback import walk_tb

import pytest
from django.views.debug import SafeExceptionReporterFilter

from fc_adapter import wrap
from fc_adapter.contract.request import build_event
from tests.matrix.exchange import as_gateway, http, serve, through_socket
from tests.matrix.servers import GUNICORN, UVICORN

ROOT = Path(__file__).parent.parent
SECRETS = {name: f"s3cr3t-{name}" for name in ("cookie", "authorization", "query", "body")}
REQUEST = http(
    "POST",
    f"/order?token={SECRETS['query']}",
    ("Cookie", f"sessionid={SECRETS['cookie']}"),
    ("Authorization", f"Bearer {SECRETS['authorization']}"),
    ("Content-Type", "application/json"),
    body=json.dumps({"card": SECRETS["body"]}).encode(),
)
PLAIN = ("wsgi", "wsgi_generator", "wsgi_context", "asgi", "asgi_after_response")
LIFESPANS = ("asgi_startup", "asgi_startup_middleware", "asgi_lifespan", "fastapi_startup", "fastapi_shutdown")
STACKS = ("wsgi_stack", "asgi_stack")
# Frameworks and Sentry's middlewares print the request's query and send its body, wherever they run.
WSGI = ("flask", "django_wsgi", "wsgi_middleware")
ASGI = ("fastapi", "django_asgi", "asgi_middleware")


def leaked(path):
    """The names of the secrets that are in the reports in ``path``."""
    reports = path.read_text("utf-8")
    return {name for name, secret in SECRETS.items() if secret in reports}


def errors(path):
    """How many of the reports in ``path`` tell of the app's error."""
    return sum('": "out of stock"' in report for report in path.read_text("utf-8").splitlines())


def reports(path):
    """The kinds of errors in each of Sentry's reports in ``path``."""
    found = map(json.loads, path.read_text("utf-8").splitlines())
    return [[error["type"] for error in each["exception"]["values"]] for each in found]


def report(reporter, apps, directory, monkeypatch):
    """Have ``apps`` fail, and their errors reported to files in ``directory``."""
    monkeypatch.setenv("REPORTER", reporter)
    monkeypatch.setenv("REPORTS", str(directory))
    event = directory / "event.json"
    event.write_text(json.dumps(build_event(as_gateway(REQUEST), request_id="1-a")), "utf-8")
    command = [sys.executable, "-m", "tests.support.reporting", str(event), *apps]
    subprocess.run(command, cwd=ROOT, timeout=120, check=True, capture_output=True)


@pytest.mark.parametrize("reporter", ["sentry", "structlog", "opentelemetry"])
def test_error_is_reported_once_and_without_the_request(reporter, tmp_path, monkeypatch):
    apps = [*PLAIN, "flask", "fastapi", "fastapi_background", "django_wsgi", "django_asgi"]
    report(reporter, [*apps, *((*STACKS, *LIFESPANS) if reporter == "sentry" else ())], tmp_path, monkeypatch)
    assert {app: errors(tmp_path / app) for app in apps} == dict.fromkeys(apps, 1)
    assert [app for app in PLAIN if leaked(tmp_path / app)] == []
    if reporter == "sentry":
        assert [(errors(tmp_path / app), leaked(tmp_path / app)) for app in STACKS] == [(1, set()), (1, set())]
        assert {app: reports(tmp_path / app) for app in LIFESPANS} == {app: [["RuntimeError"]] for app in LIFESPANS}
    for app in set(apps) - set(PLAIN):
        assert leaked(tmp_path / app) <= ({"query", "body"} if reporter == "sentry" else {"query"}), app


def test_sentry_gets_no_more_than_behind_a_server(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    report("sentry", (*WSGI, *ASGI), here, monkeypatch)
    monkeypatch.setenv("REPORTS", str(there))
    servers = dict.fromkeys(WSGI, GUNICORN) | dict.fromkeys(ASGI, UVICORN)
    app = "tests.support.reporting:app"
    with serve(*(["env", f"REPORTED={name}", *server, app] for name, server in servers.items())) as ports:
        for port in ports:
            through_socket(port, REQUEST)
    for app in servers:
        assert errors(here / app) == errors(there / app) == 1
        assert leaked(here / app) <= leaked(there / app)


# ---- the log record --------------------------------------------------------------------------------------------------


def logged(app, caplog, **options):
    """The traceback in the log record of the error of ``app``: pairs of a function's name and its variables."""
    event = json.loads(json.dumps(build_event(as_gateway(REQUEST))))
    handler = wrap(app, **options)
    assert handler(event)["statusCode"] == 500
    handler.pre_stop()
    (record,) = caplog.records
    return variables(record.exc_info[1])


def variables(error):
    """The functions in the tracebacks of ``error`` and of what caused it, innermost first, with their variables."""
    found = []
    while error is not None:
        frames = [(frame.f_code.co_name, dict(frame.f_locals)) for frame, _ in walk_tb(error.__traceback__)]
        found.append((type(error).__name__, frames))
        error = error.__cause__ or error.__context__
    return found


def fail_wsgi(environ, start_response):
    raise RuntimeError("out of stock")


async def fail_asgi(scope, receive, send):
    raise RuntimeError("out of stock")


def exit_wsgi(environ, start_response):
    raise GeneratorExit


async def exit_asgi(scope, receive, send):
    raise GeneratorExit


def break_wsgi(environ, start_response):
    start_response("200 OK", [("X\nY", "1")])
    return []


async def break_asgi(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})


def not_an_iterable(environ, start_response):
    start_response("200 OK", [])
    return 7


def fail_in_close(environ, start_response):
    class Body:
        def __iter__(self):
            raise RuntimeError("out of stock")

        def close(self):
            raise ValueError("closed")

    return Body()


ASGI_OPTIONS = {"lifespan": "off"}


@pytest.mark.parametrize(
    ("app", "options", "tracebacks"),
    [
        (fail_wsgi, {}, [("RuntimeError", ["fail_wsgi"])]),
        (fail_asgi, ASGI_OPTIONS, [("RuntimeError", ["fail_asgi"])]),
        (fail_asgi, {**ASGI_OPTIONS, "background_timeout": 0}, [("RuntimeError", ["fail_asgi"])]),
    ],
)
def test_traceback_begins_in_the_app(app, options, tracebacks, caplog):
    found = logged(app, caplog, **options)
    assert [(kind, [name for name, _ in frames]) for kind, frames in found] == tracebacks


def test_traceback_begins_in_the_app_inside_a_running_loop(caplog):
    async def main():
        return logged(fail_asgi, caplog, **ASGI_OPTIONS)

    assert [[name for name, _ in frames] for _, frames in asyncio.run(main())] == [["fail_asgi"]]


def test_traceback_begins_in_the_app_when_it_closes_its_response(caplog):
    handler = wrap(fail_in_close)
    assert handler(build_event(as_gateway(REQUEST)))["statusCode"] == 500
    for record in caplog.records:
        for _, frames in variables(record.exc_info[1]):
            assert {name for name, _ in frames} <= {"__iter__", "close"}
    assert len(caplog.records) == 2


@pytest.mark.parametrize("app", [exit_wsgi, exit_asgi, break_wsgi, break_asgi, not_an_iterable])
def test_traceback_without_the_app_has_no_variables(app, caplog):
    found = logged(app, caplog, **(ASGI_OPTIONS if "asgi" in app.__name__ else {}))
    assert found[0][0] == "AppError"
    assert any(frames for _, frames in found)
    for _, frames in found:
        assert [name for name, values in frames if values and name != app.__name__] == []


@pytest.mark.parametrize("on_error", ["respond", "raise"])
def test_error_that_is_raised_again(on_error, caplog):
    error = RuntimeError("out of stock")

    def app(environ, start_response):
        raise error

    with suppress(RuntimeError):
        wrap(app, on_error=on_error)(build_event(as_gateway(REQUEST)))
    caplog.clear()
    ((_, frames),) = logged(app, caplog)
    assert {name for name, values in frames if values} <= {"app", "test_error_that_is_raised_again"}


def see_wsgi(environ, start_response):
    SEEN.append({**environ})
    start_response("204 No Content", [])
    return []


async def see_asgi(scope, receive, send):
    SEEN.append({**scope})
    await send({"type": "http.response.start", "status": 204})
    await send({"type": "http.response.body"})


SEEN = []
FC2 = {
    "QUERY_STRING": f"token={SECRETS['query']}",
    "HTTP_COOKIE": SECRETS["cookie"],
    "REQUEST_METHOD": "POST",
    "PATH_INFO": "/order",
    "SERVER_NAME": "example.com",
    "SERVER_PORT": "443",
}


@pytest.mark.parametrize(
    ("app", "arguments"),
    [
        (see_wsgi, (build_event(as_gateway(REQUEST)),)),
        (see_asgi, (build_event(as_gateway(REQUEST)),)),
        (see_asgi, (FC2, lambda *start: None)),  # in WSGI, the environ is FC 2.0's own
    ],
)
def test_what_reporters_keep_of_a_dict_is_no_secret(app, arguments):
    SEEN.clear()
    handler = wrap(app, **(ASGI_OPTIONS if app is see_asgi else {}))
    handler(*map(copy, arguments))
    handler.pre_stop()
    shown = repr([*SEEN[0].items()][:10])
    assert [name for name, secret in SECRETS.items() if secret in shown] == []
    assert all(secret in repr(SEEN[0]) for secret in (SECRETS["cookie"], SECRETS["query"]))


# ---- Django's page and mail ------------------------------------------------------------------------------------------

SITE = """
import io, sys
from django.conf import settings
from django.core import mail
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.debug import sensitive_post_parameters
import fc_adapter

@sensitive_post_parameters("card")
def order(request):
    assert request.POST["card"] == "s3cr3t-body"
    raise RuntimeError("out of stock")

DEBUG = sys.argv[1] == "page"
settings.configure(
    DEBUG=DEBUG, ALLOWED_HOSTS=["*"], ROOT_URLCONF=(path("order", order),), SECRET_KEY="under test",
    ADMINS=[("admin", "admin@example.com")], EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend",
    DEFAULT_EXCEPTION_REPORTER_FILTER="django.views.debug.SafeExceptionReporterFilter",
    LOGGING={
        "version": 1,
        "handlers": {"mail": {"class": "django.utils.log.AdminEmailHandler", "include_html": True, "level": "ERROR"}},
        "loggers": {"django": {"handlers": ["mail"]}},
    },
)
import django
django.setup()
if sys.argv[2] == "wsgi":
    from django.core.wsgi import get_wsgi_application as get_application
else:
    from django.core.asgi import get_asgi_application as get_application
mail.outbox = []
result = fc_adapter.wrap(get_application())(sys.stdin.buffer.read())
assert result["statusCode"] == 500, result
if DEBUG:
    print(result["body"])
else:
    (message,) = mail.outbox
    print(message.subject, message.body, message.alternatives)
"""


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize("what", ["page", "mail"])
def test_pages_and_mails_of_django(what, interface):
    form = REQUEST._replace(
        target="/order",
        headers=(
            *[header for header in REQUEST.headers if header[0] not in ("Content-Type", "Content-Length")],
            ("Content-Type", b"application/x-www-form-urlencoded"),
        ),
        body=f"card={SECRETS['body']}".encode(),
    )
    event = json.dumps(build_event(as_gateway(form), request_id="1-a")).encode()
    command = [sys.executable, "-c", SITE, what, interface]
    printed = subprocess.run(
        command, input=event, cwd=ROOT, timeout=60, check=True, capture_output=True
    ).stdout.decode()
    assert "out of stock" in printed
    assert "RuntimeError" in printed
    # In its debug mode Django shows POST as it is, and the view's own lines.
    hidden = {"cookie"} | ({"body"} if what == "mail" else set())
    if SafeExceptionReporterFilter.hidden_settings.search("HTTP_AUTHORIZATION"):  # not in Django 4.2
        hidden.add("authorization")
    assert [name for name in hidden if SECRETS[name] in printed.replace('== "s3cr3t-body"', "")] == []
    if interface == "wsgi":
        assert "fc_adapter event" in printed
