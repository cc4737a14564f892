"""``python -m tests.fuzz parse_event --runs 100000``: feed one target with inputs, guided by the code they reach."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from importlib import import_module
from pathlib import Path

CORPUS = Path(__file__).parents[1] / "data" / "corpus"


def parse_options(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=sorted(path.name for path in CORPUS.iterdir()))
    parser.add_argument("--runs", type=int, default=-1, help="how many inputs (default: no limit)")
    parser.add_argument("--seconds", type=int, default=0, help="for how long (default: no limit)")
    parser.add_argument("--seed", type=int, default=1, help="0 for another one each time")
    parser.add_argument("--corpus", help="a directory where inputs that reach new code are kept, and read again")
    parser.add_argument("--import", dest="module", help="a module to import first, as an app may do: orjson")
    return parser.parse_args(arguments)


def libfuzzer_arguments(options):
    """The command line of libFuzzer, which atheris drives. An input may take 10 seconds and have 4 KB."""
    return [
        sys.argv[0],
        f"-runs={options.runs}",
        f"-max_total_time={options.seconds}",
        f"-seed={options.seed}",
        "-timeout=10",
        "-max_len=4096",
        f"-artifact_prefix={tempfile.gettempdir()}/",
        f"-seed_inputs={','.join(sorted(map(str, (CORPUS / options.target).iterdir())))}",
        *([options.corpus] if options.corpus else []),
    ]


def main():  # pragma: no cover - not every Python that the suite runs on has atheris
    import atheris

    options = parse_options()
    if options.module:
        import_module(options.module)
    with atheris.instrument_imports(include=["fc_adapter", "tests.fuzz.choices"]):
        from tests.fuzz.mutator import mutate
        from tests.fuzz.targets import TARGETS

    def mutate_json(data, max_size, seed):
        changed = mutate(data, max_size, seed) if seed % 4 else None
        return atheris.Mutate(data, max_size) if changed is None else changed

    for name in ("fc_adapter", "asyncio"):  # which log each error
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    atheris.Setup(
        libfuzzer_arguments(options),
        TARGETS[options.target],
        **({"custom_mutator": mutate_json} if options.target.startswith("parse_") else {}),
    )
    atheris.Fuzz()


if __name__ == "__main__":  # pragma: no cover - see above
    main()
