"""What error reporters and error pages show of a request: no more than they show of it behind another server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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


def report(reporter, apps, directory, monkeypatch):
    """Have ``apps`` fail, and their errors reported to files in ``directory``."""
    monkeypatch.setenv("REPORTER", reporter)
    monkeypatch.setenv("REPORTS", str(directory))
    event = json.dumps(build_event(as_gateway(REQUEST), request_id="1-a")).encode()
    command = [sys.executable, "-m", "tests.reporting", *apps]
    subprocess.run(command, input=event, cwd=ROOT, timeout=120, check=True, capture_output=True)


@pytest.mark.parametrize("reporter", ["sentry", "structlog", "opentelemetry"])
def test_error_is_reported_once_and_without_the_request(reporter, tmp_path, monkeypatch):
    apps = [*PLAIN, "flask", "fastapi", "fastapi_background", "django_wsgi", "django_asgi"]
    report(reporter, apps, tmp_path, monkeypatch)
    assert {app: errors(tmp_path / app) for app in apps} == dict.fromkeys(apps, 1)
    assert [app for app in PLAIN if leaked(tmp_path / app)] == []
    for app in set(apps) - set(PLAIN):
        assert leaked(tmp_path / app) <= ({"query", "body"} if reporter == "sentry" else {"query"}), app


def test_sentry_gets_no_more_than_behind_a_server(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    report("sentry", (*WSGI, *ASGI), here, monkeypatch)
    monkeypatch.setenv("REPORTS", str(there))
    for app in (*WSGI, *ASGI):
        monkeypatch.setenv("REPORTED", app)
        with serve([*(GUNICORN if app in WSGI else UVICORN), "tests.reporting:app"]) as [port]:
            through_socket(port, REQUEST)
        assert errors(here / app) == errors(there / app) == 1
        assert leaked(here / app) <= leaked(there / app)
