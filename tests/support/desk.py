"""The probe function in this process, behind a gateway over real sockets, any rule of which a test may break."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import threading
import time
import types

from fc_adapter.config.function import Function
from fc_adapter.contract.response import dump_result, platform_error
from fc_adapter.contract.rules import LIMITS
from fc_adapter.contract.trigger import Trigger, read_request
from fc_adapter.probe.client import Client
from fc_adapter.probe.session import Session
from fc_adapter.runner.context import build_context
from fc_adapter.runner.gateway import Gateway
from fc_adapter.runner.instance import Reply
from fc_adapter.runner.observer import Observer
from fc_adapter.runner.runtime import dump_error
from fc_adapter.runner.server import HTTPServer
from tests.support.pages import ROOT

PROBE = ROOT / "examples" / "contract_probe"
TOKEN = "a-token-of-the-tests"
TIMEOUT = 5
LARGEST = 100_000  # bytes of a body: 32 MB would cost each test a second


class Rules(Trigger):
    """The trigger as it is, with a smaller limit of bodies."""

    def refuse(self, request):
        if len(request.body) > LARGEST and not super().refuse(request._replace(body=b"")):
            limited = any(name.lower() == "x-fc-invocation-type" for name, _ in request.headers)
            return super().refuse(request) if limited else platform_error(400, "InvalidArgument", "request body")
        return super().refuse(request)


class EndedError(BaseException):
    """The platform has ended the function."""


class Instances:
    """Plays the platform around the function: the part of a Pool that a Gateway uses. Each attribute is a rule."""

    imports_once = event_is_bytes = one_at_a_time = freezes = dumps_results = True
    hides_errors = ends_at_exit = initializes = refuses_generators = ends_at_timeout = True
    runtime = (3, 10)

    def __init__(self):
        self.function = Function(handler=None, timeout=TIMEOUT, runtime=self.runtime)
        self._module = None
        self._turn = threading.Lock()
        self._awake = threading.Event()
        self._over = False
        self._handling = threading.local()

    def run(self, event, request_id, is_wanted=None):
        with self._turn if self.one_at_a_time else contextlib.nullcontext():
            if self._module is None or not self.imports_once:
                self._module = self._start()
            module = self._module
            self._handling.now = True
            if not self.freezes:
                self._awake.set()
            try:
                result = module.handler(event if self.event_is_bytes else event.decode(), self.context(request_id))
                return Reply("result", self.dump(result), "c-1")
            except (EndedError, SystemExit) as error:
                if self.ends_at_exit:
                    self._module = None
                return Reply("error", dump_error(error), "c-1")
            except Exception as error:
                if not self.hides_errors and isinstance(error, ValueError):
                    return Reply("result", b'{"statusCode": 502, "body": "broken"}', "c-1")
                return Reply("error", dump_error(error), "c-1")
            finally:
                self._handling.now = False

    def dump(self, result):
        if hasattr(result, "send") and not self.refuses_generators:
            return "".join(result).encode()
        if not self.dumps_results and isinstance(result, str):
            return json.dumps(result).encode()
        return dump_result(result)

    def context(self, request_id):
        return build_context(request_id=request_id, handler="index.handler", runtime=self.runtime, timeout=TIMEOUT)

    def pause(self, seconds):
        """Let time pass between two requests: a thread that runs then does so until it can be seen."""
        end = time.monotonic() + (0.005 if self.freezes else 20)
        while time.monotonic() < end and self._module.state["ticks"] < 5:
            time.sleep(0.001)

    def close(self):
        """Let the threads that the function has left end."""
        self._over = True
        self._awake.set()

    def _start(self):
        spec = importlib.util.spec_from_file_location("contract_probe", PROBE / "index.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.sleep, module.exit_process = self._sleep, self._exit
        module.sys = types.SimpleNamespace(version_info=self.runtime, exit=sys.exit)
        if self.initializes:
            module.initialize(None)
        return module

    def _sleep(self, seconds):
        if getattr(self._handling, "now", False):
            if seconds > TIMEOUT and self.ends_at_timeout:
                raise EndedError
            end = time.monotonic() + (0.005 if self.one_at_a_time else 5)
            while time.monotonic() < end and self._module.state["most_running"] < 2 and seconds < TIMEOUT:
                time.sleep(0.001)
            return
        if not self._over:
            time.sleep(0.002)
            self._awake.wait()

    def _exit(self, status):
        raise EndedError


class Desk:
    """Two addresses, one on a custom domain: ``session()`` asks there; ``play(...)`` sets who answers."""

    def __init__(self):
        self._gateways = {}
        self._instances = None
        self._servers = [HTTPServer("127.0.0.1", 0, _Address(self._gateways, name)) for name in ("default", "custom")]
        for server in self._servers:
            server.start()
        self.urls = [f"http://127.0.0.1:{server.port}" for server in self._servers]

    def play(self, trigger, instances):
        self._instances = instances
        for name, is_custom in (("default", False), ("custom", True)):
            rules = trigger._replace(custom_domain=is_custom)
            self._gateways[name] = Gateway(instances, rules, Observer())

    def session(self, *, by_socket=True, **options):
        """A Session; unless ``by_socket``, what it sends goes to the gateways as it would come off the wire."""
        client, custom = (Client(url, timeout=20) for url in self.urls)
        if not by_socket:
            client, custom = (_Caller(url, self._gateways[name]) for url, name in zip(self.urls, self._gateways))
        limits = {**LIMITS, "body": LARGEST}
        options = {
            "custom": custom,
            "limits": limits,
            "pause": lambda seconds: self._instances.pause(seconds),
            **options,
        }
        return Session(client, TOKEN, **options)

    def close(self):
        for server in self._servers:
            server.close()


class _Caller(Client):
    """A Client that calls a gateway without a socket: a third of the work, where many sessions ask everything."""

    def __init__(self, url, gateway):
        super().__init__(url)
        self._gateway = gateway

    def send(self, method, target, headers, body=b""):
        request = read_request(method, target, [*headers], body, scheme=self.scheme, client="127.0.0.1")
        response = self._gateway.handle(request)
        return response._replace(body=b"") if method == "HEAD" else response


class _Address:
    """What an HTTPServer serves: the gateway that is played there now."""

    def __init__(self, gateways, name):
        self._gateways, self._name = gateways, name

    def handle(self, *arguments, **options):
        return self._gateways[self._name].handle(*arguments, **options)

    def refuse(self, *arguments):
        return self._gateways[self._name].refuse(*arguments)


@contextlib.contextmanager
def environment():
    """The variables of an instance in this process."""
    kept = dict(os.environ)
    os.environ.update(Function(handler=None).platform_environment("c-1"), PROBE_TOKEN=TOKEN)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)
