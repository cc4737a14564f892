"""The command ``serve``: the whole platform on this machine."""

from __future__ import annotations

import argparse
import contextlib
import errno
import http.client
import ipaddress
import os
import shlex
import signal
import socket
import string
import sys
import threading
import time
import webbrowser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from ..config.function import Function
from ..config.options import configure
from ..config.template import find_template, list_functions
from ..contract.facts import DEFAULT_FACTS, Facts
from ..contract.query import parse_query_string
from ..errors import ConfigError
from ..messages import Response
from ..runner.console import Console
from ..runner.gateway import Exchange
from ..runner.instance import CAN_FREEZE
from ..runner.observer import Observer, Observers
from ..runner.platform import LocalPlatform
from ..runner.pool import Pool
from ..runner.record import Recorder
from ..runner.watch import watch
from .output import print_response
from .parser import DEFAULT_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..inspector.serving import Inspector


TAKEN = (errno.EADDRINUSE, errno.EACCES)


def serve(options: argparse.Namespace) -> int:
    """Serve the function until Ctrl-C or SIGTERM."""
    _check_options(options)
    path = Path(options.template) if options.template else find_template(Path())
    names = list_functions(path) if path and options.target is None and options.resource is None else []
    if path and len(names) > 1:
        from .several import serve_several

        with Console() as console:
            return serve_several(options, path, names, console)
    function = configure(options)
    with Console() as console, contextlib.ExitStack() as stack:
        notes: list[str] = []
        if options.bundle:
            from ..project.bundle import unpacked

            function, notes = stack.enter_context(unpacked(function))
        return _serve(options, function, [*notes, *find_notes(options, function)], console)


def _check_options(options: argparse.Namespace) -> None:
    if options.reload and options.in_process:
        raise ConfigError("--reload starts new instances, and with --in-process there are none: choose one of them")
    if options.bundle and (options.reload or options.in_process):
        other = "--reload" if options.reload else "--in-process"
        raise ConfigError(
            f"--bundle runs a copy of the archive in a process of its own, which {other} cannot: choose one"
        )
    if options.open and (options.no_inspect or options.check is not None):
        other = "--check" if options.check is not None else "--no-inspect"
        raise ConfigError(f"--open shows the inspector, which {other} leaves out: choose one of them")
    if options.check is not None and not options.check.startswith("/"):
        raise ConfigError(f"--check is a path such as /, got {options.check!r}")


def _serve(options: argparse.Namespace, function: Function, notes: list[str], console: Console) -> int:
    facts = read_facts(options, console)
    recording = start_recording(options, console)
    inspector = make_inspector(options)
    joined = JoinedLists(function.handler.directory, console)
    observers = [each for each in (console, inspector, recording, joined) if each is not None]
    port = options.port
    if port is None:
        port = DEFAULT_PORT if options.check is None else 0
    try:
        platform = LocalPlatform(
            function,
            host=options.host,
            port=port,
            instances=options.instances,
            freeze=not options.no_freeze,
            in_process=options.in_process,
            custom_domain=options.custom_domain,
            facts=facts,
            idle_seconds=options.idle_timeout,
            observer=Observers(observers),
        )
    except OSError as error:
        raise cannot_listen(options.host, port, error) from error
    watcher = None
    try:
        on_termination(interrupt)
        for note in notes:
            console.say(f"note: {note}")
        if not warm_up(platform.pool, function, console, options) and not options.reload:
            return 1
        if options.reload:

            def renew(changed: list[str]) -> None:
                console.say(f"changed: {', '.join(changed[:5])}; the next request runs on a new instance")
                platform.pool.renew()

            watcher = watch(function.handler.directory, renew)
        platform.start()
        until = "" if options.check is not None else " until Ctrl-C"
        console.say(f"{describe(function)} is served on {platform.url}{until}")
        if inspector is not None:
            serve_inspector(inspector, options, platform, function, console)
        if options.check is not None:
            return check(platform.url, options.check, console)
        while True:
            time.sleep(0.1)  # A signal that another thread gets does not end a sleep.
    except KeyboardInterrupt:
        return 0
    finally:
        on_termination(signal.SIG_IGN)  # All ends within a second; a second Ctrl-C must not stop that half-way.
        if watcher is not None:
            watcher.set()
        if inspector is not None:
            inspector.close()
        platform.close()


def cannot_listen(host: str, port: int, error: OSError) -> ConfigError:
    """What to say when a port cannot be had."""
    reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
    advice = "; --port takes another, and --port 0 any free one" if error.errno in TAKEN else ""
    return ConfigError(f"cannot listen on {host}:{port}: {reason}{advice}")


def read_facts(options: argparse.Namespace, console: Console) -> Facts:
    """The facts that ``--platform`` names a report of; what is played otherwise than by default is told."""
    if options.platform is None:
        return DEFAULT_FACTS
    from ..probe.report import read_report_facts

    facts = read_report_facts(Path(options.platform))
    others = [f"{name} {value}" for name, value in facts._asdict().items() if value != getattr(DEFAULT_FACTS, name)]
    console.say(f"note: the platform is played as {options.platform} saw it: {', '.join(others) or 'as documented'}")
    return facts


def check(url: str, path: str, console: Console) -> int:
    """Send a GET request and print the answer. Returns 1 when it is an error of the server's."""
    target = quote(os.fsencode(path), safe=string.punctuation)  # as curl and browsers send it
    with contextlib.closing(http.client.HTTPConnection(url.partition("//")[2])) as connection:
        connection.request("GET", target)
        answer = connection.getresponse()
        response = Response(answer.status, tuple(answer.getheaders()), answer.read())
    console.flush()
    print_response(response)
    return int(response.status >= 500)


def warm_up(pool: Pool, function: Function, console: Console, options: argparse.Namespace) -> bool:
    """Start an instance, or say why that fails."""
    failure = pool.warm_up()
    if failure is not None:
        console.say(failure.describe_error())
        unread = function.handler.directory / ".env"
        if unread.is_file() and not options.env_file:
            named = shlex.quote(os.path.relpath(unread))
            console.say(f"note: the function gets what {named} sets only with the option --env-file {named}")
        console.say(f"fc-adapter {options.name}: cannot import {function.label}, see above")
    return failure is None


class _Recording(Observer):
    """Records exchanges; what goes wrong with that is a line on the terminal."""

    def __init__(self, recorder: Recorder, console: Console) -> None:
        self._recorder = recorder
        self._console = console

    def ended(self, exchange: Exchange) -> None:
        """Keep ``exchange``. The client gets its response whatever becomes of the record."""
        try:
            self._recorder.write(exchange)
        except Exception as error:
            self._console.say(f"cannot record the exchange: {str(error) or type(error).__name__}")


class JoinedLists(Observer):
    """Says once that the platform has joined a list which the code in ``directory`` reads out of the query by hand."""

    def __init__(self, directory: Path, console: Console, *, label: str = "") -> None:
        self._directory = directory
        self._console = console
        self._label = label
        self._names: set[str] | None = None

    def ended(self, exchange: Exchange) -> None:
        """Compare the query with what the code reads, which is looked at once a name has come twice."""
        names = [name for name, _ in parse_query_string(exchange.request.query_string)]
        repeated = {name for name in names if names.count(name) > 1}
        if not repeated or exchange.event is None:
            return
        if self._names is None:
            from ..project.joined import read_by_hand

            self._names = {each.name for each in read_by_hand(self._directory)}
        joined = sorted(repeated & self._names)
        if joined:
            self._names = set()
            self._console.say(
                f"note: {self._label}?{joined[0]}=a&{joined[0]}=b has reached the function as {joined[0]}=a,b, as on "
                f"the platform, and the code reads it as a list: wrap(app, split_query={joined})"
            )


def start_recording(options: argparse.Namespace, console: Console, name: str = "") -> Observer | None:
    """Keep exchanges as files, those of one of several functions in a directory called ``name``."""
    if options.record is None:
        return None
    try:
        return _Recording(Recorder(Path(options.record, name), custom_domain=options.custom_domain), console)
    except OSError as error:
        raise ConfigError(f"cannot record into {options.record!r}: {error.strerror}") from error


def make_inspector(options: argparse.Namespace) -> Inspector | None:
    """An inspector, which is not served yet, unless none is wanted."""
    if options.no_inspect or options.check is not None:
        return None
    from ..inspector.serving import Inspector

    return Inspector(limit=options.inspect_history, token=options.inspect_token)


def serve_inspector(
    inspector: Inspector,
    options: argparse.Namespace,
    platform: LocalPlatform,
    function: Function,
    console: Console,
    *,
    label: str = "",
    number: int = 0,
) -> None:
    """Serve it and say where. That it cannot be had is no reason not to serve the function.

    ``number`` is that of one of several functions, which is added to the port; ``label`` begins its lines.
    """
    port = options.inspect_port and options.inspect_port + number
    try:
        url = inspector.serve(port, platform, function, custom_domain=options.custom_domain)
    except OSError as error:
        console.say(f"note: {label}no inspector: {error.strerror}")
        return
    if port not in (0, urlsplit(url).port):
        console.say(f"note: {label}port {port} is not free, so the inspector has another; --inspect-port chooses one")
    console.say(f"{label}the inspector shows each request on {url}")
    if options.open and number == 0:
        open_page(url, console)


def open_page(url: str, console: Console) -> None:
    """Open a page in a web browser. One that runs in the terminal would hold up the command: hence the thread."""

    def show() -> None:
        if not webbrowser.open(url):
            console.say("note: there is no web browser that --open could start")

    threading.Thread(target=show, daemon=True).start()


def find_notes(options: argparse.Namespace, function: Function) -> list[str]:
    """What is not here as it will be in the cloud."""
    notes = []
    here = sys.version_info[:2]
    if function.runtime != here and function.interpreter is None:
        notes.append(
            f"this is {version_name(here)}, and the function is configured for {version_name(function.runtime)}: what "
            "differs between them does not show here. Run what fc-adapter build has made with that Python: "
            "serve --bundle"
        )
    if not _is_loopback(options.host):
        notes.append(f"listening on {options.host}: whoever can reach this machine can call your function")
    if not CAN_FREEZE and not options.no_freeze:
        notes.append("this system cannot stop a process, so instances are not frozen between requests")
    return notes


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def describe(function: Function) -> str:
    """``index.handler (python3.10, 512 MB, 60 s)``."""
    return f"{function.label} ({version_name(function.runtime)}, {function.memory} MB, {function.timeout:g} s)"


def version_name(runtime: tuple[int, ...]) -> str:
    return "python" + ".".join(map(str, runtime))


def on_termination(action: Any) -> None:
    """Let SIGTERM do what Ctrl-C does, and both do ``action``; a Ctrl-C that is switched off stays so."""
    signal.signal(signal.SIGTERM, action)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, action)


def interrupt(number: int, frame: Any) -> None:
    """What a signal does that ends the command."""
    raise KeyboardInterrupt
