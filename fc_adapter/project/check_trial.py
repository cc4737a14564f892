"""The one check that runs the project's code, as the platform does it: ``trial`` runs it, and here is what it found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..config.function import is_like_platform
from .check_packages import is_pure
from .findings import Finding
from .project import Project
from .trial import Trial, run_trial

# What an error says when a database or another service cannot be reached, which may be so from this machine alone.
_REMOTE = re.compile(
    r"connect(?:ion)? (?:refused|reset|timed out)|could not connect|can't connect|name or service not known|timed out|"
    r"temporary failure in name resolution|unreachable|getaddrinfo failed|nodename nor servname",
    re.IGNORECASE,
)
_RAISED = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception)\b.*$", re.MULTILINE)


def check_import(project: Project) -> Iterator[Finding]:
    """Whether the function starts, answers a request and ends, with the code alone and the runtime's Python."""
    if not project.packages or project.entry is None:
        return
    python = project.python
    if python is None:
        yield Finding(
            "note", "import", f"the handler was not imported: there is no Python {project.runtime.number} here"
        )
    elif not (is_like_platform() or all(map(is_pure, project.packages.values()))):
        yield Finding("note", "import", "the handler was not imported: this machine cannot load the packages' modules")
    else:
        yield from _describe(project, run_trial(project, python))


def _describe(project: Project, trial: Trial) -> Iterator[Finding]:
    steps, function = trial.steps, project.function
    yield from _describe_import(project, trial, steps.get("import"))
    hooks = {"initializer": function.initializer, "pre_stop": function.pre_stop}
    for step, why in (
        ("initializer", "no request is answered before it has succeeded: clients get a 502"),
        ("pre_stop", "what the instance should still do at its end is not done"),
    ):
        hook = hooks[step]
        report = steps.get(step)
        if report is not None and hook is not None and "error" in report:
            level = "error" if step == "initializer" else "warning"
            yield _failure(level, "hooks", f"{hook.handler} raises {report['error']}", why, report)
        elif report is not None and hook is not None and report["seconds"] > hook.timeout:
            yield Finding(
                "warning",
                "hooks",
                f"{hook.handler} takes {report['seconds']:.1f} s here, and may take {hook.timeout:g} s",
                why,
                "set a longer timeout for it in s.yaml",
            )
    if "request" in steps:
        yield from _describe_request(steps["request"], trial.log)
    if trial.ended and "import" in steps:
        message = f"after its {list(steps)[-1]} {trial.ended}"
        yield Finding("error", "request", message, "clients get a 502", "see fc-adapter serve", trial.log)
    for name, file, line in steps.get("threads", {}).get("threads", ()):
        yield Finding(
            "warning",
            "threads",
            f"the thread {name} goes on after the request ({_relative(project, file)}, line {line})",
            "between requests the platform freezes the instance: the thread does its work at another time, or never",
            "do it in a request, or in a function of its own with a timer trigger",
        )
    if trial.files:
        yield Finding(
            "warning",
            "files",
            f"the function writes files beside its code: {', '.join(trial.files[:5])}",
            "each instance has files of its own, and they are gone when it ends",
            "write into a database or a storage service; what may be lost can be below /tmp",
            "\n".join(trial.files),
        )


def _describe_import(project: Project, trial: Trial, report: dict[str, Any] | None) -> Iterator[Finding]:
    module, number = project.target.module, project.runtime.number
    if report is not None and "error" not in report:
        seconds = report["seconds"]
        yield Finding("note", "import", f"Python {number} imports {module} from the code alone, in {seconds:.2f} s")
        return
    report = report or {"error": trial.ended}
    raised = report.get("own") or report.get("place")
    place = f" ({', line '.join(map(str, raised))})" if raised else ""
    missing = report.get("missing")
    has_layers = bool(project.props.get("layers"))
    yield Finding(
        "warning" if missing and has_layers else "error",
        "import",
        f"Python {number} cannot import {module}: {report['error']}{place}",
        "every invocation fails with ImportModuleError, and clients get a 502",
        f"see that requirements.txt names what has the module {missing}, and run: {project.build}"
        if missing
        else "mend it; fc-adapter doctor --verbose shows the whole traceback",
        report.get("traceback", trial.log),
    )


def _describe_request(report: dict[str, Any], log: str) -> Iterator[Finding]:
    status = report.get("status")
    if "error" in report:
        yield _failure("error", "request", f"GET / raises {report['error']}", "clients get a 502", report)
    elif isinstance(status, int) and status >= 500:
        report = {**report, "error": log, "traceback": log}
        raised = _RAISED.findall(log)
        message = f"GET / is answered with {status}" + (f": {raised[-1]:.200}" if raised else "")
        yield _failure("error", "request", message, "so may be every request", report)
    elif status is not None:
        yield Finding("note", "request", f"GET / is answered with {status}, in {report['seconds']:.2f} s")


def _failure(level: str, check: str, message: str, why: str, report: dict[str, Any]) -> Finding:
    """The finding for a step that failed. What cannot be reached from here may be reached from the cloud."""
    place = f" ({', line '.join(map(str, report['own']))})" if report.get("own") else ""
    if report.get("remote") or _REMOTE.search(report["error"]):
        level, why = "warning", f"{why}, unless the function can reach from the cloud what this machine cannot"
    todo = "mend it; fc-adapter doctor --verbose shows the whole traceback"
    return Finding(level, check, f"{message:.500}{place}", why, todo, report["traceback"])


def _relative(project: Project, file: str) -> str:
    return file[len(str(project.directory)) + 1 :]
