"""Checks of what ``s.yaml`` says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from .findings import Finding
from .project import Project

# Documented in "Function instance lifecycle": the longest that a hook may take, in seconds.
_HOOK_LIMITS = {"initializer": 300, "preStop": 90}

_DEFAULT_SECONDS = 3
_SECRET_NAME = re.compile(r"SECRET|PASSWORD|PASSWD|TOKEN|PRIVATE|ACCESS_?KEY|API_?KEY|CREDENTIAL", re.IGNORECASE)
_URL_WITH_PASSWORD = re.compile(r"://[^/@:\s]*:[^/@\s]+@")
# The form of an AccessKey ID, and the head line of a key in PEM format.
_KEY = re.compile(r"\bLTAI[0-9A-Za-z]{12,26}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----")


def check_timeout(project: Project) -> Iterator[Finding]:
    """Whether a cold start fits into the function's timeout."""
    if project.function.timeout <= _DEFAULT_SECONDS:
        yield Finding(
            "warning",
            "timeout",
            f"the function may run {project.function.timeout:g} s"
            + ("" if "timeout" in project.props else ", since s.yaml does not say timeout"),
            "a cold start and a slow first request take longer, and the client gets a 502",
            "set timeout: 30 in s.yaml",
        )


def check_hook_limits(project: Project) -> Iterator[Finding]:
    """Whether the hooks have enough time, and no more than the platform gives."""
    hooks = {"initializer": project.function.initializer, "preStop": project.function.pre_stop}
    for key, hook in hooks.items():
        if hook is not None and hook.timeout > _HOOK_LIMITS[key]:
            yield Finding(
                "error",
                "hooks",
                f"the timeout of {key} is {hook.timeout:g} s",
                f"the platform gives it {_HOOK_LIMITS[key]} s at most, and refuses to deploy the function",
                f"set a timeout of up to {_HOOK_LIMITS[key]}",
            )
    if hooks["initializer"] is not None and hooks["initializer"].timeout <= _DEFAULT_SECONDS:
        yield Finding(
            "warning",
            "hooks",
            f"the initializer may run {hooks['initializer'].timeout:g} s",
            "an app that connects to a database may need longer, and the request that waits for it fails",
            "set a timeout of 30 for the initializer in s.yaml",
        )


def check_secrets(project: Project) -> Iterator[Finding]:
    """Whether ``s.yaml`` holds what should not be in a repository. The values are not shown."""
    if _KEY.search(json.dumps(project.props, default=str)):
        yield Finding(
            "error",
            "secrets",
            "s.yaml holds an AccessKey ID or a private key",
            "whoever reads the repository can use it",
            "revoke it; give the function a role instead (role: acs:ram::...), whose keys it gets in its environment",
        )
    variables = project.props.get("environmentVariables") or {}
    names = [name for name, value in variables.items() if _is_secret(str(name), value)]
    if names:
        yield Finding(
            "warning",
            "secrets",
            f"s.yaml holds the values of {', '.join(names)}",
            "whoever reads the repository reads them, too",
            f"take them from the shell that deploys: {names[0]}: ${{env('{names[0]}')}}",
        )


def _is_secret(name: str, value: Any) -> bool:
    if not isinstance(value, str) or not value or "${" in value:
        return False
    return bool(_SECRET_NAME.search(name) or _URL_WITH_PASSWORD.search(value))
