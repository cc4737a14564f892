"""Whether the properties of the function are those that the deployment tool knows, with values that it takes."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .findings import Finding
from .project import Project


@functools.lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    """The keys, values and ranges of the component's own schema: ``tests/support/schema.py`` makes this of it."""
    schema: dict[str, Any] = json.loads(Path(__file__).with_name("props.json").read_text(encoding="utf-8"))
    return schema


def check_props(project: Project) -> Iterator[Finding]:
    """Whether each property is one of the component fc3, and each value one that it can have."""
    props = {
        key: value for key, value in project.props.items() if key != "runtime"
    }  # read_template() has a better list
    yield from _check(props, _schema(), "")
    for name, value in (props.get("environmentVariables") or {}).items():
        if isinstance(value, (dict, list)):
            yield Finding(
                "error",
                "properties",
                f"environmentVariables.{name} is a {'mapping' if isinstance(value, dict) else 'list'}; expected text",
                "the deployment tool refuses it: a variable is text",
                "write it as JSON, in quotes, and let the code parse that",
            )


def _check(value: Any, schema: dict[str, Any], place: str) -> Iterator[Finding]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _check_key(str(key), each, schema.get("keys"), f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _check(each, schema.get("items", {}), f"{place}[{number}]")
    elif "values" in schema:
        yield from _check_name(value, schema["values"], place)
    elif "range" in schema:
        yield from _check_number(value, schema["range"], place)


def _check_key(key: str, value: Any, keys: dict[str, Any] | None, place: str) -> Iterator[Finding]:
    if keys is None:
        return
    if key in keys:
        yield from _check(value, keys[key], place)
        return
    meant = _closest(key, keys)
    yield Finding(
        "warning",
        "properties",
        f"{place} is no property of the component fc3" + (f"; did you mean {meant}?" if meant else ""),
        "nothing reads it, and what it should set has its default",
        f"call it {meant}" if meant else "remove it, or look it up in the component's documentation",
    )


def _check_name(value: Any, names: list[Any], place: str) -> Iterator[Finding]:
    if value in (*names, "", None) or "{{" in str(value):
        return
    meant = _closest(str(value), [str(each) for each in names])
    yield Finding(
        "error" if meant else "warning",
        "properties",
        f"{place} is {value!s:.80}, which the component fc3 does not know"
        + (f"; did you mean {meant}?" if meant else ""),
        "the platform refuses to deploy the function",
        f"use {meant}" if meant else f"use one of {', '.join(map(str, names)):.500}",
    )


def _check_number(value: Any, limits: list[float], place: str) -> Iterator[Finding]:
    low, high, step = limits
    try:
        number = float(value)
    except (TypeError, ValueError):
        return
    if low <= number <= high and not (step and number % step):
        return
    expected = f"from {low:g} to {high:g}" + (f", a multiple of {step:g}" if step else "")
    yield Finding(
        "error",
        "properties",
        f"{place} is {value!s:.40}; expected a number {expected}",
        "the platform refuses to deploy the function",
        f"use such as {_nearest(number, low, high, step):g}",
    )


def _nearest(number: float, low: float, high: float, step: float) -> float:
    """The least number that is allowed and not below this one, where there is one."""
    inside = min(max(number, low), high)
    return min(-(-inside // step) * step, high) if step else inside


def _closest(name: str, names: Any) -> str:
    lower = {each.lower(): each for each in names}
    found = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.75)
    return lower[found[0]] if found else ""
