"""The commands ``serve`` and ``replay``: the whole platform on this machine."""

from __future__ import annotations

import argparse
import dataclasses
import ipaddress
import re
import signal
import sys
from pathlib import Path
from typing import Any

from ..application import NotFoundError
from ..errors import ConfigError
from .console import Console, format_error
from .context import new_request_id
from .function import Function, Hook
from .gateway import Exchange, Gateway
from .instance import CAN_FREEZE, Instance
from .pool import Pool
from .record import Recorder, differences, read_record
from .serving import LocalPlatform
from .target import Target, parse_target
from .template import parse_variable, read_env_file, read_template
from .watch import watch


def serve(options: argparse.Namespace) -> int:
    """Serve the function until Ctrl-C or SIGTERM."""
    console = Console()
    function = _configure(options)
    recorder = Recorder(Path(options.record), custom_domain=options.custom_domain) if options.record else None

    def observe(exchange: Exchange) -> None:
        console.report(exchange)
        if recorder is not None:
            try:
                recorder.write(exchange)
            except OSError as error:
                console.say(f"cannot record the exchange: {error}")

    try:
        platform = LocalPlatform(
            function,
            host=options.host,
            port=options.port,
            instances=options.instances,
            freeze=not options.no_freeze,
            in_process=options.in_process,
            custom_domain=options.custom_domain,
            idle_seconds=options.idle_timeout,
            log=console.log,
            observe=observe,
        )
    except OSError as error:
        raise ConfigError(f"cannot listen on {options.host}:{options.port}: {error.strerror}") from error
    _on_termination()
    watcher = None
    try:
        error_object = platform.pool.warm_up()
        if error_object is not None:
            console.say(format_error(error_object))
            console.say(f"fc-adapter serve: cannot import {function.label}, see above")
            if not options.reload:
                return 1
        for note in _notes(options, function):
            console.say(f"note: {note}")
        console.say(
            f"{function.label} ({_version(function.runtime)}, {function.memory} MB, {function.timeout:g} s) "
            f"is served on {platform.url} until Ctrl-C"
        )
        if options.reload:

            def renew(changed: list[str]) -> None:
                console.say(f"changed: {', '.join(changed[:5])}; the next request runs on a new instance")
                platform.pool.renew()

            watcher = watch(function.handler.directory, renew)
        platform.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        if watcher is not None:
            watcher.set()
        platform.close()
    return 0


def replay(options: argparse.Namespace) -> int:
    """Run recorded exchanges again; print what differs. Returns 1 when anything does."""
    console = Console()
    records = [(name, read_record(Path(name))) for name in options.files]
    function = _configure(options)
    pool = Pool(lambda: Instance(function, log=console.log, freeze=False), limit=1, idle_seconds=300.0)
    status = 0
    try:
        for name, record in records:
            custom_domain = bool(record.get("custom_domain"))
            gateway = Gateway(pool, methods=function.methods, custom_domain=custom_domain, observe=console.report)
            request_id = new_request_id()
            response, reply = gateway.run_event(record["event"], request_id)
            found = list(differences(record["response"], gateway.finish(response, request_id)))
            print(f"{'differs' if found else 'same'}: {name}")
            for line in found:
                print(f"  {line}")
            if reply.kind == "error":
                console.say(format_error(reply.data))
            status = status or int(bool(found))
    finally:
        pool.close()
    return status


def _configure(options: argparse.Namespace) -> Function:
    """The function that the options, the template and the target describe, the former before the latter."""
    template = Path(options.template) if options.template else Path("s.yaml")
    if options.template or (options.target is None and template.is_file()):
        function = read_template(template, resource=options.resource)
    elif options.target is not None:
        function = Function(handler=parse_target(options.target), runtime=sys.version_info[:2])
    else:
        raise NotFoundError("there is no s.yaml here; name a handler, such as index:handler, or a --template")
    changes: dict[str, Any] = {}
    if options.target is not None:
        changes["handler"] = parse_target(options.target)
    if options.runtime is not None:
        changes["runtime"] = _parse_runtime(options.runtime)
    for name in ("timeout", "memory"):
        if getattr(options, name) is not None:
            changes[name] = getattr(options, name)
    for name, value in (("initializer", options.initializer), ("pre_stop", options.pre_stop)):
        if value is not None:
            changes[name] = Hook(value, 60.0)
    environment = dict(function.environment)
    runtime = changes.get("runtime", function.runtime)
    _localize_python_path(environment, changes.get("handler", function.handler), runtime)
    for path in options.env_file:
        environment.update(read_env_file(Path(path)))
    environment.update(parse_variable(variable, "--env") for variable in options.env)
    return dataclasses.replace(function, **changes, environment=environment)


def _localize_python_path(environment: dict[str, str], target: Target, runtime: tuple[int, int]) -> None:
    """``/code`` is the code directory on the platform. Packages below it, built for another Python, are left out."""
    path = environment.get("PYTHONPATH")
    if path is not None:
        if runtime == sys.version_info[:2]:
            environment["PYTHONPATH"] = re.sub(r"(^|:)/code(?=/|:|$)", rf"\1{target.directory}", path)
        else:
            del environment["PYTHONPATH"]


def _parse_runtime(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"python(\d)\.(\d+)", text)
    if match is None:
        raise ConfigError(f"--runtime is such as python3.10, got {text!r}")
    return int(match[1]), int(match[2])


def _notes(options: argparse.Namespace, function: Function) -> list[str]:
    notes = []
    here = sys.version_info[:2]
    if function.runtime != here:
        notes.append(f"this is {_version(here)}; the function is configured for {_version(function.runtime)}")
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


def _version(runtime: tuple[int, ...]) -> str:
    return "python" + ".".join(map(str, runtime))


def _on_termination() -> None:
    """Let SIGTERM do what Ctrl-C does."""

    def interrupt(number: int, frame: Any | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
