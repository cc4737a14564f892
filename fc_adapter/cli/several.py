"""The command ``serve`` for a template with several functions: all of them at once."""

from __future__ import annotations

import argparse
import contextlib
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from ..config.domain import Domain
from ..config.function import Function
from ..config.options import resolve
from ..config.template import read_domains
from ..config.unsimulated import is_http
from ..errors import ConfigError
from ..runner.console import Console, Labelled
from ..runner.observer import Observer, Observers
from ..runner.platform import LocalPlatform, to_url
from ..runner.router import Member, Router
from ..runner.server import HTTPServer
from ..runner.watch import watch
from .parser import DEFAULT_PORT
from .serve import (
    TAKEN,
    JoinedLists,
    cannot_listen,
    check,
    describe,
    find_notes,
    interrupt,
    make_inspector,
    on_termination,
    read_facts,
    serve_inspector,
    start_recording,
    warm_up,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..inspector.serving import Inspector


class _Served(NamedTuple):
    """A function that is served. ``name`` is its resource's."""

    name: str
    function: Function
    is_http: bool
    observer: Observer
    inspector: Inspector | None
    platform: LocalPlatform

    @property
    def member(self) -> Member:
        """The function as the router takes it."""
        return Member(self.platform.gateway, self.platform.pool, self.observer)


def serve_several(options: argparse.Namespace, path: Path, names: list[str], console: Console) -> int:
    """Serve the functions with these names until Ctrl-C or SIGTERM.

    A custom domain of the template is behind the port, with its routes; an HTTP function that none leads to has a port
    of its own; the others can be invoked by their names.
    """
    if options.in_process:
        raise ConfigError(f"--in-process runs one function; name it with --resource: {', '.join(names):.300}")
    domain = _read_domain(path, console)
    stack = contextlib.ExitStack()
    all_served: list[_Served] = []
    servers = _Servers(options)
    try:
        on_termination(interrupt)
        all_served += _make(options, names, domain, console, stack)
        if not all_served:
            raise ConfigError(f"{path} has no function that can run here")
        for each in all_served:
            if not warm_up(each.platform.pool, each.function, console, options) and not options.reload:
                return 1
        if options.reload:
            _watch(all_served, console, stack)
        servers.listen(all_served, domain, console)
        _serve_inspectors(options, all_served, console)
        if options.check is not None:
            return check(servers.urls[0], options.check, console)
        while True:
            time.sleep(0.1)  # A signal that another thread gets does not end a sleep.
    except KeyboardInterrupt:
        return 0
    finally:
        on_termination(signal.SIG_IGN)  # All ends within a second; a second Ctrl-C must not stop that half-way.
        _end(all_served, servers)
        stack.close()


def _read_domain(path: Path, console: Console) -> Domain | None:
    domains = read_domains(path)
    if len(domains) > 1:
        others = ", ".join(domain.name for domain in domains[1:])
        console.say(f"note: of the template's domains only {domains[0].name} is served, not {others}")
    for note in domains[0].unresolved if domains else ():
        console.say(f"note: [{domains[0].name}] {note}")
    return domains[0] if domains else None


def _make(
    options: argparse.Namespace, names: list[str], domain: Domain | None, console: Console, stack: contextlib.ExitStack
) -> Iterator[_Served]:
    """Make the platform of each function, and say what is not as in the cloud."""
    facts = read_facts(options, console)
    routed = {route.function for route in domain.routes} if domain is not None else set()
    general: set[str] = set()
    for name in names:
        one = argparse.Namespace(**{**vars(options), "resource": name})
        try:
            function, notes, template = resolve(one, is_alone=False)
            if options.bundle:
                from ..project.bundle import unpacked

                function, further = stack.enter_context(unpacked(function))
                notes += further
        except ConfigError as error:
            console.say(f"note: [{name}] is left out: {error}")
            continue
        for note in notes:
            console.say(f"note: [{name}] {note}")
        for note in find_notes(options, function):
            if note not in general:
                general.add(note)
                console.say(f"note: {note}")
        has_route = function.name in routed
        takes_requests = has_route or (template is not None and is_http(template.props))
        inspector = make_inspector(options) if takes_requests else None
        joined = JoinedLists(function.handler.directory, console, label=f"[{name}] ")
        watching = (Labelled(console, name), inspector, start_recording(options, console, name), joined)
        observer = Observers([each for each in watching if each is not None])
        platform = LocalPlatform(
            function,
            port=None,
            instances=options.instances,
            freeze=not options.no_freeze,
            custom_domain=options.custom_domain or has_route,
            facts=facts,
            idle_seconds=options.idle_timeout,
            observer=observer,
        )
        yield _Served(name, function, takes_requests, observer, inspector, platform)


class _Servers:
    """The ports that are listened to, and their addresses."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._host: str = options.host
        self._port: int = options.port
        if options.port is None:
            self._port = DEFAULT_PORT if options.check is None else 0
        self._until = "" if options.check is not None else " until Ctrl-C"
        self.urls: list[str] = []
        self._servers: list[HTTPServer] = []

    def listen(self, all_served: list[_Served], domain: Domain | None, console: Console) -> None:
        """Serve the domain's routes, and all else that is for HTTP; say where, and how to invoke what is not."""
        members = {key: each.member for each in all_served for key in (each.name, each.function.name)}
        routed = set() if domain is None else {route.function for route in domain.routes}
        if domain is not None:
            url = self._serve(Router(members, console, domain=domain))
            console.say(f"the domain {domain.name} is served on {url}{self._until}")
            by_name = {each.function.name: each for each in all_served}
            for route in domain.routes:
                found = by_name.get(route.function)
                console.say(
                    f"  {route.path}  {_label(found) if found else f'{route.function}, which is not served here'}"
                )
                if found:
                    found.platform.url = url
        for each in all_served:
            if each.is_http and each.function.name not in routed:
                each.platform.url = self._serve(Router(members, console, default=each.member))
                console.say(f"{_label(each)} is served on {each.platform.url}{self._until}")
        url = self.urls[0] if self.urls else self._serve(Router(members, console))
        for each in all_served:
            if not each.is_http:
                address = f"{url}/2023-03-30/functions/{each.function.name}/invocations"
                console.say(f"{_label(each)} is not for HTTP; invoke it: curl -d @event.json {address}")

    def _serve(self, router: Router) -> str:
        """Listen on the port, or for a further router on the next one; on any free one if somebody else has that."""
        port = self._port and self._port + len(self._servers)
        try:
            server = HTTPServer(self._host, port, router)
        except OSError as error:
            if error.errno not in TAKEN or not self._servers:
                raise cannot_listen(self._host, port, error) from error
            server = HTTPServer(self._host, 0, router)
        self._servers.append(server)
        server.start()
        self.urls.append(to_url(self._host, server.port))
        return self.urls[-1]

    def stop_listening(self) -> None:
        """Accept no further connections."""
        for server in self._servers:
            server.stop_listening()

    def close(self) -> None:
        """End the connections that are open."""
        for server in self._servers:
            server.close_connections()


def _label(served: _Served) -> str:
    return f"[{served.name}] {describe(served.function)}"


def _watch(all_served: list[_Served], console: Console, stack: contextlib.ExitStack) -> None:
    for each in all_served:

        def renew(changed: list[str], each: _Served = each) -> None:
            console.say(f"[{each.name}] changed: {', '.join(changed[:5])}; the next request runs on a new instance")
            each.platform.pool.renew()

        stack.callback(watch(each.function.handler.directory, renew).set)


def _serve_inspectors(options: argparse.Namespace, all_served: list[_Served], console: Console) -> None:
    inspected = [(each, each.inspector) for each in all_served if each.inspector is not None]
    for number, (each, inspector) in enumerate(inspected):
        label = f"[{each.name}] "
        serve_inspector(inspector, options, each.platform, each.function, console, label=label, number=number)


def _end(all_served: list[_Served], servers: _Servers) -> None:
    """Stop listening, and end all instances, those of all functions together within a second."""
    for each in all_served:
        if each.inspector is not None:
            each.inspector.close()
    servers.stop_listening()
    if all_served:
        with ThreadPoolExecutor(len(all_served)) as executor:
            list(executor.map(LocalPlatform.close, [each.platform for each in all_served]))
    servers.close()
