"""The benchmarks run, and report what they say they report. How long anything took is not looked at."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks.groups.size import _exponent
from benchmarks.measure import Subject, summarize
from benchmarks.report import MICROSECONDS, RATIO, SUBJECT, Table

from .matrix.exchange import ROOT

PEERS = {"apig-wsgi": "apig-wsgi", "serverless-wsgi": "serverless-wsgi", "mangum": "Mangum"}


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=60,
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """What a very short run has printed, and its report."""
    file = tmp_path_factory.mktemp("benchmarks") / "result.json"
    process = run("--quick", "--rounds", "2", "request", "cold", "--json", str(file))
    assert process.returncode == 0, process.stdout
    return process.stdout, json.loads(file.read_text(encoding="utf-8"))


def test_the_report_says_what_it_was_made_on(done):
    _, report = done
    machine = report["machine"]
    assert machine["cpu"]
    assert machine["cores"] >= 1
    assert machine["python"].endswith(" {}.{}.{}".format(*sys.version_info))
    assert machine["noise"] >= 0
    assert set(PEERS) <= machine["versions"].keys()


@pytest.mark.parametrize(
    ("group", "title", "subjects"),
    [
        ("request", "JSON POST, WSGI", {"fc_adapter", "by hand", "floor: the app alone"}),
        ("request", "HTML GET, WSGI", {"fc_adapter", "by hand", "floor: json.loads of the event"}),
        ("request", "HTML GET, WSGI", {"fc_adapter, new header value", "fc_adapter, new header name"}),
        ("request", "JSON POST, ASGI", {"fc_adapter, lifespan off", "fc_adapter, lifespan auto"}),
        ("cold", "WSGI", {"fc_adapter", "by hand"}),
        ("request", "HTML GET, ASGI", {"fc_adapter, lifespan auto", "floor: run_until_complete of nothing"}),
        ("cold", "ASGI", {"fc_adapter", "a2wsgi by hand", "floor: import asyncio"}),
        ("cold", "ASGI, asyncio being there already", {"fc_adapter", "a2wsgi by hand"}),
    ],
)
def test_each_table_has_its_rows(done, group, title, subjects):
    output, report = done
    assert report["groups"][group]["rounds"] == 2
    assert f"\n{title}\n" in output
    table = next(table for table in report["groups"][group]["tables"] if table["title"] == title)
    rows = {row["subject"]: row for row in table["rows"]}
    assert subjects <= rows.keys()
    for row in rows.values():
        assert row["median"] > 0
        assert row["spread"] >= 0
        assert (row["ratio"] is None) == (not row["rival"])
        assert row["rival"] in {"", *rows}
        assert group != "cold" or row["modules"] > 0


def test_a_peer_is_measured_or_named_as_missing(done):
    output, report = done
    subjects = {
        row["subject"].partition(",")[0]
        for group in report["groups"].values()
        for table in group["tables"]
        for row in table["rows"]
    }
    head = output.partition("==")[0]
    for distribution, subject in PEERS.items():
        is_installed = report["machine"]["versions"][distribution] is not None
        assert (subject in subjects) == is_installed
        assert (distribution in head.partition("left out: ")[2]) == (not is_installed)


def test_a_group_that_there_is_not():
    process = run("requests")
    assert process.returncode == 2
    assert "there is no group 'requests'; there are: request, parts, frameworks, cold, size, runner" in process.stdout


def test_rows_and_table():
    subjects = [Subject("ours", print), Subject("theirs", print, "ours", ("floor",)), Subject("floor", print)]
    samples = {"ours": [1e-6, 4e-6, 2e-6], "theirs": [2e-6, 2e-6, 4e-6], "floor": [5e-7, 5e-7, 5e-7]}
    rows = summarize(subjects, samples)
    assert rows[1] == {
        "subject": "theirs",
        "median": 2e-6,
        "spread": pytest.approx(0.5),
        "best": 2e-6,
        "own": 1.5e-6,
        "share": 0.75,
        "rival": "ours",
        "ratio": 0.5,
    }
    assert str(Table("Two", (SUBJECT, MICROSECONDS, RATIO), rows[:2], ("A note.",))).splitlines() == [
        "Two",
        "          median, µs  fc_adapter over it",
        "  ours           2.0",
        "  theirs         2.0                0.50",
        "  A note.",
    ]


@pytest.mark.parametrize("exponent", [0.5, 1, 2])
def test_the_exponent_of_growth(exponent):
    points = [(size, 3 * size**exponent) for size in (1_000, 10_000, 32_000)]
    assert _exponent(points) == pytest.approx(exponent)
