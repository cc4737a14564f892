"""The command ``replay``: recorded exchanges, run again here or sent to a deployed function."""

from __future__ import annotations

import argparse
from typing import Any

from ..config.options import configure
from ..contract.trigger import Trigger
from ..errors import ConfigError
from ..runner.console import Console
from ..runner.context import new_request_id
from ..runner.gateway import Gateway
from ..runner.instance import Instance
from ..runner.pool import Pool
from ..runner.record import Comparison, list_records, read_record
from ..terminal import tell
from .serve import warm_up


def replay(options: argparse.Namespace) -> int:
    """Run recorded exchanges again, here or with ``--to`` there; print what differs. Returns 1 when anything does."""
    records = [(str(path), read_record(path)) for path in list_records(options.files)]
    if options.to is not None:
        if options.target is not None or options.template is not None:
            raise ConfigError("--to sends to a deployed function, so there is no --target and no --template")
        from ..probe.resend import resend

        return resend(records, options)
    with Console() as console:
        return _replay(records, options, console)


def _replay(records: list[tuple[str, dict[str, Any]]], options: argparse.Namespace, console: Console) -> int:
    comparison = Comparison(ignore=options.ignore_header, insensitive=options.insensitive)
    function = configure(options)
    pool = Pool(lambda: Instance(function, log=console.logged, freeze=False), limit=1, idle_seconds=300.0)
    status = 0
    try:
        if not warm_up(pool, function, console, options):
            return 1
        for name, record in records:
            trigger = Trigger(function.methods, bool(record.get("custom_domain")))
            gateway = Gateway(pool, trigger, console)
            request_id = new_request_id()
            response, reply = gateway.run_event(record["event"], request_id)
            found = list(comparison.differences(record["response"], trigger.finish(response, request_id)))
            tell(f"{'differs' if found else 'same'}: {name}", *(f"  {line}" for line in found))
            if reply.kind != "result":
                console.say(reply.describe_error())
            status = status or int(bool(found))
    finally:
        pool.close()
    return status
