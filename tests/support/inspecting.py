"""An inspected platform in this process, whose handler is a function of the test's."""

from __future__ import annotations

import contextlib
import http.client
import json
import sys
import time
from urllib.parse import parse_qs, urlsplit

from werkzeug.test import Client

from fc_adapter.config.function import Function
from fc_adapter.contract.trigger import read_request
from fc_adapter.inspector.app import App
from fc_adapter.inspector.describe import Describer
from fc_adapter.inspector.history import History
from fc_adapter.inspector.roster import Roster
from fc_adapter.runner.observer import Observer
from fc_adapter.runner.platform import LocalPlatform
from tests.support.server import PATIENCE, Answer

TOKEN = "token-of-the-inspector"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
JSON_HEADERS = {"Content-Type": "application/json", "X-Fc-Adapter-Inspector": "1"}


class _Watching(Observer):
    """Fills a history and a roster, as the Inspector does."""

    wants_app_responses = True

    def __init__(self, history, roster):
        self.began, self.ended, self.logged = history.begin, history.end, history.log
        self.made = roster.add


class Inspected:
    """A platform that runs ``handler``, its history, and the inspector's app."""

    def __init__(self, handler, *, limit=200, environment=None, secrets=(), custom_domain=False, target=None):
        self.history = History(limit)
        self.roster = Roster()
        self.function = Function(handler=target or handler, runtime=sys.version_info[:2], environment=environment or {})
        self.platform = LocalPlatform(
            self.function,
            port=0,
            in_process=True,
            custom_domain=custom_domain,
            observer=_Watching(self.history, self.roster),
        )
        self.describer = Describer(secrets=list(secrets), custom_domain=custom_domain)
        self.app = App(
            function=self.function,
            gateway=self.platform.gateway,
            pool=self.platform.pool,
            history=self.history,
            roster=self.roster,
            url="http://127.0.0.1:9000",
            token=TOKEN,
            custom_domain=custom_domain,
            environment=self.function.environment,
            facts={"url": "http://127.0.0.1:9000"},
        )

    def send(self, method="GET", target="/", headers=(), body=b"", **options):
        """Send a request through the gateway; return its entry."""
        request = read_request(method, target, list(headers), body, scheme="http", client="127.0.0.1", **options)
        self.platform.gateway.handle(request)
        return self.last()

    def last(self):
        return self.history.entries()[-1]

    def describe(self, entry, *, reveal=False):
        """The description, as the page gets it."""
        return json.loads(json.dumps(self.describer.describe(entry, reveal=reveal)))


@contextlib.contextmanager
def inspected(handler, **options):
    """An Inspected for the time of a ``with`` block."""
    subject = Inspected(handler, **options)
    try:
        yield subject
    finally:
        subject.platform.close()


class AuthorizedClient(Client):
    """A client of an inspector's app that knows its token."""

    def open(self, *arguments, headers=None, **options):
        return super().open(*arguments, headers={**BEARER, **(headers or {})}, **options)


class Page:
    """Asks a running inspector what its page would ask. ``url`` is the inspector's, with its token."""

    def __init__(self, url):
        self.url = url
        self.host = urlsplit(url).netloc
        self.token = parse_qs(urlsplit(url).query)["token"][0]
        self._headers = {"Authorization": f"Bearer {self.token}"}

    def request(self, method="GET", path="/", body=None, headers=None):
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, body, {**self._headers, **(headers or {})})
            return Answer(connection.getresponse())

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)

    def act(self, path, fields=None, method="POST"):
        return self.request(method, path, json.dumps(fields or {}), JSON_HEADERS)

    @contextlib.contextmanager
    def listen(self):
        """The messages of the live stream, as they come."""
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", "/api/live", headers=self._headers)
            response = connection.getresponse()

            def messages():
                end = time.monotonic() + PATIENCE
                for line in response:
                    if line.startswith(b"data: "):
                        yield json.loads(line[6:])
                    assert time.monotonic() < end, "waited in vain for a message"

            with response:
                yield messages()

    def summary(self, request_id):
        """The line of one invocation in the list, or an empty one."""
        with self.listen() as messages:
            return {each["id"]: each for each in next(messages)["invocations"]}.get(request_id, {})
