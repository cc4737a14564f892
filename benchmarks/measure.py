"""Interleaved rounds, and what they say: medians, spreads, ratios."""

from __future__ import annotations

import gc
import random
from itertools import repeat
from statistics import median, quantiles
from time import perf_counter
from typing import Any, Callable, NamedTuple


class Subject(NamedTuple):
    """Something to measure.

    - ``call()``: does it once.
    - ``rival``: the name of the subject whose time is divided by this one's, or ``""``.
    - ``floor``: names of subjects whose time is no merit or fault of this one.
    """

    name: str
    call: Callable[[], Any]
    rival: str = ""
    floor: tuple[str, ...] = ()


class Effort(NamedTuple):
    """How much to measure: ``rounds``, and for how long (seconds) each subject runs in one of them."""

    rounds: int
    slice_seconds: float


Samples = dict[str, list[float]]  # for each subject's name: seconds per call, one number for each round


def measure(subjects: list[Subject], effort: Effort) -> Samples:
    """Let all ``subjects`` take turns. The garbage collector runs, as it does in a function."""
    numbers = {subject.name: _calibrate(subject.call, effort.slice_seconds) for subject in subjects}
    samples: Samples = {subject.name: [] for subject in subjects}
    order = list(subjects)
    shuffle = random.Random(effort.rounds).shuffle
    gc.collect()
    gc.freeze()  # so that a collection between two slices takes microseconds, whatever has been imported
    try:
        for _ in range(effort.rounds):
            shuffle(order)
            for subject in order:
                gc.collect()
                samples[subject.name].append(time_calls(subject.call, numbers[subject.name]))
    finally:
        gc.unfreeze()
    return samples


def _calibrate(call: Callable[[], Any], slice_seconds: float) -> int:
    """How many calls fill a slice. Calling it so often also warms it up."""
    number = 1
    while True:
        seconds = time_calls(call, number)
        if seconds * number >= slice_seconds / 4:
            return max(1, round(slice_seconds / seconds))
        number *= 2


def time_calls(call: Callable[[], Any], number: int) -> float:
    """Seconds per call."""
    calls = repeat(None, number)
    start = perf_counter()
    for _ in calls:
        call()
    return (perf_counter() - start) / number


def spread(values: list[float]) -> float:
    """The interquartile range over the median."""
    if len(values) < 2:
        return 0.0
    first, middle, third = quantiles(values, n=4, method="inclusive")
    return (third - first) / middle


def ratios(samples: Samples, upper: str, lower: str) -> list[float]:
    """``upper`` over ``lower`` in each round."""
    return [one / other for one, other in zip(samples[upper], samples[lower])]


def summarize(subjects: list[Subject], samples: Samples) -> list[dict[str, Any]]:
    """A row for each subject: its name, ``median`` and ``own`` (seconds), ``spread``, ``rival``, ``ratio``.

    ``own`` and ``ratio`` are None for a subject without a floor or a rival.
    """
    return [_summarize(subject, samples) for subject in subjects]


def _summarize(subject: Subject, samples: Samples) -> dict[str, Any]:
    values = samples[subject.name]
    row: dict[str, Any] = {"subject": subject.name, "median": median(values), "spread": spread(values)}
    row["own"] = median(values) - sum(median(samples[name]) for name in subject.floor) if subject.floor else None
    row["rival"] = subject.rival
    row["ratio"] = median(ratios(samples, subject.rival, subject.name)) if subject.rival else None
    return row
