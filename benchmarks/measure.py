"""Interleaved rounds, and what they say: medians, spreads, ratios."""

from __future__ import annotations

import gc
import random
from itertools import repeat
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Any, Callable, NamedTuple, TypeVar

T = TypeVar("T")


class Subject(NamedTuple):
    """Something to measure.

    - ``call()``: does it once; ``call.repeat(number)``, if it has that, does it so often in one go.
    - ``rival``: the name of the subject whose time is divided by this one's, or ``""``.
    - ``floor``: names of subjects whose time is no merit or fault of this one.
    """

    name: str
    call: Callable[[], Any]
    rival: str = ""
    floor: tuple[str, ...] = ()


class Effort(NamedTuple):
    """How much to measure.

    - ``rounds``: how often each subject takes its turn.
    - ``slice_seconds``: how long its turn is; a process that is started, or a large body, takes the time that it takes.
      Many short turns bear a busy machine better than few long ones: most of them are not interrupted.
    - ``is_quick``: whether large cases are left out.
    - ``counts_cpu``: whether the processor's time is counted, all threads together, rather than the clock's.
    """

    rounds: int
    slice_seconds: float = 0.0
    is_quick: bool = False
    counts_cpu: bool = False


Samples = dict[str, list[float]]  # for each subject's name: seconds, one number for each round


def take_turns(turns: dict[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """What each of ``turns`` gives in each round. All get one turn in each round, in an order that is shuffled anew."""
    results: dict[str, list[T]] = {name: [] for name in turns}
    order = list(turns)
    shuffle = random.Random(rounds).shuffle
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            results[name].append(turns[name]())
    return results


def measure(subjects: list[Subject], effort: Effort) -> Samples:
    """Seconds per call of each subject. The garbage collector runs, as it does in a function."""
    turns = {subject.name: make_turn(subject.call, effort) for subject in subjects}
    gc.collect()
    gc.freeze()  # so that a collection between two turns takes microseconds, whatever has been imported
    try:
        return take_turns(turns, effort.rounds)
    finally:
        gc.unfreeze()


def make_turn(call: Callable[[], Any], effort: Effort) -> Callable[[], float]:
    """A function that makes as many calls as fill a slice of time, and gives the seconds per call."""
    clock = process_time if effort.counts_cpu else perf_counter
    number = _calibrate(call, effort.slice_seconds)

    def turn() -> float:
        gc.collect()
        _time_calls(call, number // 8, clock)  # what the others have displaced from the processor's caches
        return _time_calls(call, number, clock) / number

    return turn


def _calibrate(call: Callable[[], Any], slice_seconds: float) -> int:
    """How many calls fill a slice. Calling it so often also warms it up.

    It is the processor's time that counts here: a call that was interrupted would make slices of too few calls.
    """
    number = 1
    while True:
        seconds = _time_calls(call, number, process_time)
        if seconds >= slice_seconds / 2:
            return max(1, round(number * slice_seconds / seconds))
        number *= 2


def _time_calls(call: Callable[[], Any], number: int, clock: Callable[[], float]) -> float:
    if hasattr(call, "repeat"):
        start = clock()
        call.repeat(number)
        return clock() - start
    calls = repeat(None, number)
    start = clock()
    for _ in calls:
        call()
    return clock() - start


def spread(values: list[float]) -> float:
    """The interquartile range over the median."""
    if len(values) < 2:
        return 0.0
    first, middle, third = quantiles(values, n=4, method="inclusive")
    return (third - first) / middle


def ratio(upper: list[float], lower: list[float]) -> float:
    """The median of one over the other, round by round."""
    return median([one / other for one, other in zip(upper, lower)])


def summarize(subjects: list[Subject], samples: Samples) -> list[dict[str, Any]]:
    """A row for each subject: its name, ``median``, ``spread``, ``best``, ``own``, ``share``, ``rival``, ``ratio``.

    ``own``, and ``share``, which is its share of the median, are None for a subject without a floor; ``ratio`` is None
    for one without a rival.
    """
    return [_summarize(subject, samples) for subject in subjects]


def _summarize(subject: Subject, samples: Samples) -> dict[str, Any]:
    values = samples[subject.name]
    middle = median(values)
    own = middle - sum(median(samples[name]) for name in subject.floor) if subject.floor else None
    return {
        "subject": subject.name,
        "median": middle,
        "spread": spread(values),
        "best": min(values),
        "own": own,
        "share": own / middle if own is not None else None,
        "rival": subject.rival,
        "ratio": ratio(samples[subject.rival], values) if subject.rival else None,
    }
