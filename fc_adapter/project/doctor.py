"""``fc-adapter doctor``: the checks of a project before it is deployed, and their report."""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import json
from pathlib import Path

from ..config.template import TemplateError, find_template, read_template
from ..errors import ConfigError
from ..terminal import escape_json, tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .findings import Finding
    from .project import Project

_LEVELS = ("error", "warning", "note")


def doctor(options: argparse.Namespace) -> int:
    """Check the project that the template describes; print what is found. Returns 1 when that is an error.

    Raises ConfigError when what reads the template and the packages is not installed.
    """
    missing = [name for name in ("dotenv", "packaging", "pathspec", "yaml") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"doctor needs {' and '.join(missing)}: pip install 'fc-adapter[local]'")
    for name in options.ignore:
        _check_name(name)
    found = [each for each in _examine(options) if each.check not in options.ignore]
    findings = sorted(found, key=lambda each: _LEVELS.index(each.level))
    counts = {level: sum(each.level == level for each in findings) for level in _LEVELS}
    if options.json:
        document = {"findings": [each._asdict() for each in findings], **counts}
        print(escape_json(json.dumps(document, indent=2, ensure_ascii=False)))
    else:
        for finding in findings:
            tell(*_describe(finding, verbose=options.verbose))
        tell(f"{_count(counts['error'], 'error')}, {_count(counts['warning'], 'warning')}")
    return int(counts["error"] > 0 or (options.strict and counts["warning"] > 0))


def _check_name(name: str) -> None:
    from .findings import CHECKS

    if name not in CHECKS:
        meant = difflib.get_close_matches(name, CHECKS, n=1)
        question = f"; did you mean {meant[0]}?" if meant else f"; the checks are: {', '.join(CHECKS)}"
        raise ConfigError(f"--ignore: there is no check {name!r}{question}")


def _examine(options: argparse.Namespace) -> list[Finding]:
    """All that the checks find; without a template that can be used, that alone."""
    from . import (
        check_environment,
        check_packages,
        check_props,
        check_secrets,
        check_source,
        check_state,
        check_timeouts,
        check_trial,
    )
    from .findings import Finding

    try:
        project = _read_project(options)
    except TemplateError as error:
        return [Finding("error", "template", error.problem, "there is no function that could be checked", error.todo)]
    except ConfigError as error:
        return [
            Finding("error", "template", str(error), "there is no function that could be checked", "mend the template")
        ]
    checks = [
        check_source.check_handler,
        check_source.check_syntax,
        check_packages.check_adapter,
        check_packages.check_wheels,
        check_packages.check_build,
        check_packages.check_requirements,
        *([] if options.no_import else [check_trial.check_import]),
        check_props.check_props,
        check_timeouts.check_timeout,
        check_timeouts.check_hook_limits,
        check_source.check_lifespan,
        check_source.check_headers,
        check_source.check_streaming,
        check_source.check_flush,
        check_source.check_lists,
        check_source.check_hosts,
        check_source.check_database,
        check_environment.check_environment,
        check_state.check_databases,
        check_secrets.check_secrets,
        check_packages.check_upload,
    ]
    unresolved = [note.partition("; --env ")[0] for note in project.template.unresolved]  # that is an option of serve
    findings = [Finding("note", "template", note) for note in unresolved]
    for check in checks:
        findings += check(project)
    # What was seen needs no guess.
    written = [name for each in findings if each.check == "files" for name in each.details.splitlines()]
    findings += check_state.check_files(project, written)
    if not any(each.check == "threads" for each in findings):
        findings += check_state.check_threads(project)
    return findings


def _read_project(options: argparse.Namespace) -> Project:
    from .project import Project

    path = Path(options.template) if options.template else find_template(Path()) or Path("s.yaml")
    if not path.is_file():
        raise TemplateError(f"there is no {path} here", "fc-adapter init writes an s.yaml")
    template = read_template(path, resource=options.resource, runtime=options.runtime)
    directory = template.function.handler.directory
    if not directory.is_dir():
        raise ConfigError(f"code in {path} is {str(directory)!r}, which is no directory")
    return Project(template)


def _describe(finding: Finding, *, verbose: bool) -> list[str]:
    lines = [f"{finding.level}: {finding.check}: {finding.message}"]
    if verbose:
        lines += [f"  | {line}" for line in finding.details.splitlines()]
    return lines + [f"  {label}: {text}" for label, text in (("why", finding.why), ("do", finding.todo)) if text]


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
