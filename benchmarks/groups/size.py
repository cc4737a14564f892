"""Bodies from one kilobyte up to the platform's limit: time and memory for each byte, and how they grow."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from math import log
from statistics import mean, median
from typing import Any, NamedTuple

from ..children import Worker, worker
from ..measure import Effort, Samples, ratio, spread, take_turns
from ..report import RATIO, SPREAD, SUBJECT, Column, Table
from ..subjects.bodies import CARRIERS, MB, Case

SIZES = {"1 KB": 1024, "32 KB": 32 * 1024, "1 MB": MB, "10 MB": 10 * MB, "32 MB": 32 * MB}
QUICK_SIZES = {"1 KB": 1024, "1 MB": MB, "4 MB": 4 * MB}
FLOOR, FAST = "floor", " with pybase64"


class Place(NamedTuple):
    """Where a carrier runs: in one process its time is taken, in the other its memory."""

    name: str
    timed: Worker
    weighed: Worker


def run(effort: Effort) -> list[Table]:
    """A table for each direction and kind of body."""
    sizes = QUICK_SIZES if effort.is_quick else SIZES
    # Then memory that is given back is given back to the system, and a peak is the peak of what is in use (mallopt(3)).
    exact = {"MALLOC_MMAP_THRESHOLD_": str(128 * 1024), "MALLOC_TRIM_THRESHOLD_": "0"}
    with ExitStack() as stack:
        plain, fast = (
            [stack.enter_context(worker(*options, **variables)) for variables in ({}, exact)]
            for options in (["--without-pybase64"], [])
        )
        tables = []
        for direction in ("request", "response"):
            for kind in ("text", "binary"):
                places = {name: Place(name, *plain) for name in CARRIERS}
                if kind == "binary" and find_spec("pybase64"):
                    fast_names = [name for name in CARRIERS if name.startswith(("fc_adapter", FLOOR))]
                    places.update({name + FAST: Place(name, *fast) for name in fast_names})
                samples = {label: _time(places, Case(direction, kind, size), effort) for label, size in sizes.items()}
                largest = Case(direction, kind, max(sizes.values()))
                rows = [_row(name, sizes, samples, _weigh(place, largest)) for name, place in places.items()]
                tables.append(Table(f"{direction} body, {kind}; ns per byte", _columns(sizes), rows))
        return tables


def _columns(sizes: dict[str, int]) -> tuple[Column, ...]:
    largest = list(sizes)[-1]
    return (
        SUBJECT,
        *[Column(f"per byte at {label}", label, "{:.2f}", 1e9) for label in sizes],
        Column("exponent", "exponent", "{:.2f}"),
        Column("peak", "peak over body", "{:.2f}"),
        SPREAD._replace(heading=f"{largest}: spread"),
        Column("over_floor", "over floor", "{:.2f}"),
        RATIO,
    )


def _time(places: dict[str, Place], case: Case, effort: Effort) -> Samples:
    """Seconds for one body, in each round."""
    for timed in {id(place.timed): place.timed for place in places.values()}.values():
        names = [place.name for place in places.values() if place.timed is timed]
        timed.ask("prepare", names, case, effort)
    turns = {name: partial(place.timed.ask, "turn", place.name) for name, place in places.items()}
    return take_turns(turns, effort.rounds)


def _weigh(place: Place, case: Case) -> float | None:
    """The peak of memory over the size of the body."""
    peak = place.weighed.ask("peak", place.name, case)
    return None if peak is None else peak / case.size


def _row(name: str, sizes: dict[str, int], samples: dict[str, Samples], peak: float | None) -> dict[str, Any]:
    medians = {label: median(samples[label][name]) for label in sizes}
    largest = samples[list(sizes)[-1]]
    is_fast = name.endswith(FAST)
    rival = name[: -len(FAST)] if is_fast else CARRIERS[name].rival
    floor = FLOOR + FAST if is_fast else FLOOR
    return {
        "subject": name,
        **{f"per byte at {label}": medians[label] / size for label, size in sizes.items()},
        "exponent": _exponent([(size, medians[label]) for label, size in sizes.items() if size >= MB]),
        "peak": peak,
        "spread": spread(largest[name]),
        "over_floor": ratio(largest[name], largest[floor]) if name != floor else None,
        "rival": rival,
        "ratio": ratio(largest[rival], largest[name]) if rival else None,
    }


def _exponent(points: list[tuple[int, float]]) -> float:
    """The slope of a line through the logarithms of sizes and seconds, by least squares: 1 is growth in proportion."""
    xs, ys = [log(size) for size, _ in points], [log(seconds) for _, seconds in points]
    x_mean, y_mean = mean(xs), mean(ys)
    return sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys)) / sum((x - x_mean) ** 2 for x in xs)
