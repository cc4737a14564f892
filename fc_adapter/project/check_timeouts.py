"""Checks of the timeouts of the function and its hooks."""

from __future__ import annotations

from collections.abc import Iterator

from .findings import Finding
from .project import Project

# Documented in "Function instance lifecycle": the longest that a hook may take, in seconds.
_HOOK_LIMITS = {"initializer": 300, "preStop": 90}

_DEFAULT_SECONDS = 3


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
