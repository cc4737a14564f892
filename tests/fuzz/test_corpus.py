"""Each input of the corpora through its target, on every Python; the fuzzer itself where atheris is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.__main__ import libfuzzer_arguments, parse_options
from tests.fuzz.mutator import mutate
from tests.fuzz.targets import TARGETS

TESTS = Path(__file__).parents[1]
INPUTS = sorted((TESTS / "data" / "corpus").glob("*/*"))


@pytest.mark.usefixtures("no_logging")
@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_input(path):
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("target", ["parse_event", "parse_result"])
def test_changed_json_is_json(target):
    inputs = [path.read_bytes() for path in INPUTS if path.parent.name == target]
    changed = [mutate(data, 4096, seed) for data in inputs for seed in range(40)]
    assert len({each for each in changed if each is not None}) > 10 * len(inputs)
    for data in filter(None, changed):
        assert len(data) <= 4096
        json.loads(data.decode("utf-8", "surrogatepass"))
        TARGETS[target](data)


@pytest.mark.parametrize(("data", "max_size"), [(b"no JSON", 99), (b"[" * 100_000, 10**6), (b'{"a": "bcd"}', 0)])
def test_what_cannot_be_changed(data, max_size):
    assert mutate(data, max_size, 1) is None


def test_command_line(tmp_path):
    arguments = libfuzzer_arguments(parse_options(["parse_result", "--runs", "7"]))
    assert "-runs=7" in arguments
    assert "parse_result" in arguments[-1]
    assert libfuzzer_arguments(parse_options(["parse_event", "--corpus", str(tmp_path)]))[-1] == str(tmp_path)


def test_each_target_has_a_corpus():
    assert {path.parent.name for path in INPUTS} == set(TARGETS)


@pytest.mark.skipif(find_spec("atheris") is None, reason="needs the extra 'fuzz'")
@pytest.mark.parametrize("target", TARGETS)
def test_short_run(target):  # pragma: no cover - not every Python that the suite runs on has atheris
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    runs = {"inspector": 50, "records": 200}.get(target, 2000)  # an exchange takes longer than an event
    command = [sys.executable, "-m", "tests.fuzz", target, "--runs", str(runs)]
    run = subprocess.run(command, cwd=TESTS.parent, env=environment, capture_output=True, text=True, errors="replace")
    assert run.returncode == 0, run.stderr[-4000:]
    assert f"Done {runs} runs" in run.stderr
