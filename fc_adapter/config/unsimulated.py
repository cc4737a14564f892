"""What a template asks for that this machine has not: one note for each, with what happens instead and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_NOT_READY = "no instances are kept ready, so the first request is a cold start; --instances says how many may run"

# Keys of a function's props: what happens here instead, and what to do where the code depends on it.
_PROPS = {
    "vpcConfig": "the function is in this machine's network; see that it reaches the databases and caches it names",
    "vpcBinding": "whoever reaches this machine can call the function; --host says where it listens",
    "customDNS": "names are resolved as this machine does it",
    "gpuConfig": "the code has the devices of this machine",
    "provisionConfig": _NOT_READY,
    "scalingConfig": _NOT_READY,
    "concurrencyConfig": "--instances says how many instances may run",
    "asyncInvokeConfig": "asynchronous requests run once, and no destination hears of their results",
    "sessionAffinity": "any instance may answer any request",
    "sessionAffinityConfig": "any instance may answer any request",
}
# These make no difference to the code.
_QUIET = {"cpu", "diskSize", "instanceConcurrency", "logConfig", "resourceGroupId", "tracingConfig"}
_MOUNTS = {"nasConfig": "NAS", "ossMountConfig": "OSS"}


def not_simulated(
    props: dict[str, Any], document: dict[str, Any], resource: str, *, is_alone: bool = True
) -> Iterator[str]:
    """What is in the function's (resolved) props, or beside it in the template, and is not simulated here.

    ``is_alone``: nothing else of the template is served.
    """
    for key, instead in _PROPS.items():
        if props.get(key):
            yield f"{key} is not simulated: {instead}"
    for key, storage in _MOUNTS.items():
        if props.get(key):
            places = ", ".join(_mount_points(props[key]))
            yield (
                f"{key} is not simulated: {storage} is not mounted here{f' ({places})' if places else ''}; make such a "
                "directory, or give the code another one by a variable (--env)"
            )
    layers = props.get("layers")
    if layers:
        number = len(layers) if isinstance(layers, list) else 1
        yield (
            f"layers are not loaded ({number} in the template): install the packages that are in them here, too; "
            "what is in /opt there is not here"
        )
    if props.get("internetAccess") is False:
        yield "internetAccess: false is not simulated: the code reaches the internet from here"
    if props.get("role"):
        yield "role is not assumed here: the context has the credentials of this shell, if it has any"
    quiet = sorted(_QUIET & {str(key) for key, value in props.items() if value})
    if quiet:
        yield f"not simulated, and the code does not depend on it: {', '.join(quiet)}"
    if is_alone or is_http(props):
        yield from _triggers(props.get("triggers"))
    if is_alone:
        yield from _beside(document, resource)


def is_http(props: dict[str, Any]) -> bool:
    """Whether the function has an HTTP trigger."""
    triggers = props.get("triggers")
    found = triggers if isinstance(triggers, list) else []
    return any(isinstance(each, dict) and each.get("triggerType") == "http" for each in found)


def _mount_points(config: Any) -> Iterator[str]:
    points = config.get("mountPoints") if isinstance(config, dict) else None
    for point in points if isinstance(points, list) else ():
        if isinstance(point, dict) and point.get("mountDir"):
            yield f"{point['mountDir']!s:.200}"


def _triggers(triggers: Any) -> Iterator[str]:
    found = [each for each in triggers if isinstance(each, dict)] if isinstance(triggers, list) else []
    http = [each for each in found if each.get("triggerType") == "http"]
    others = [each for each in found if each not in http]
    if not http:
        yield (
            "the function has no HTTP trigger: it is served here all the same; in the cloud, add one with "
            "triggerType: http"
        )
    for each in http[:1]:
        config = each.get("triggerConfig")
        config = config if isinstance(config, dict) else {}
        kind = config.get("authType") or "anonymous"
        if kind != "anonymous":
            yield (
                f"authType: {kind!s:.80} is not simulated: everybody's requests are answered here; in the cloud each "
                f"needs {'a signature' if kind == 'function' else 'a token'}"
            )
        if config.get("disableURLInternet") is True:
            yield "disableURLInternet is not simulated: in the cloud the address answers inside the VPC only"
    if others:
        listed = ", ".join(f"{each.get('triggerName')!s:.80} ({each.get('triggerType')!s:.80})" for each in others)
        yield f"nothing triggers here: {listed}; send such an event with fc-adapter invoke --event FILE"


def _actions(parent: dict[str, Any]) -> bool:
    """Whether there are actions that do something else than the build of this package, which needs no word."""
    actions = parent.get("actions")
    if not isinstance(actions, dict):
        return bool(actions)
    steps = [each for listed in actions.values() if isinstance(listed, list) for each in listed]
    return any(not (isinstance(each, dict) and str(each.get("run")).startswith("fc-adapter")) for each in steps)


def _beside(document: dict[str, Any], resource: str) -> Iterator[str]:
    """What else is in the template: other resources, actions, environments."""
    resources = document["resources"]
    others = [
        f"{name!s:.80} ({each.get('component')!s:.80})"
        for name, each in resources.items()
        if name != resource and isinstance(each, dict)
    ]
    if others:
        yield f"of the template's resources only {resource!s:.80} is looked at, not {', '.join(others)}"
    if _actions(document) or _actions(resources[resource]):
        yield "actions are not run here: do by hand what they do before a deployment, such as a build"
    if document.get("env"):
        yield f"env: {document['env']!s:.80} is not read: what it changes for an environment is not changed here"
