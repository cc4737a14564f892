"""``python -m tests.mutation --sample 300 --seed 1``: which mutants do the fast tests let live?"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.mutants import deployed_modules, find_mutants
from tests.mutation.runs import Trees, preload, run_mutants

ROOT = Path(__file__).parents[2]


def parse_options(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=300, help="how many mutants (default 300; 0 for all)")
    parser.add_argument("--seed", type=int, help="of the sample (default: another one each time)")
    parser.add_argument("--module", action="append", help="only mutants of this module, such as contract/query.py")
    parser.add_argument("--processes", type=int, default=2, help="how many mutants at a time (default 2)")
    parser.add_argument("--root", type=Path, default=ROOT, help="the project (default: this one)")
    parser.add_argument("--min-score", type=float, default=0.0, help="percentage below which the exit status is 1")
    return parser.parse_args(arguments)


def choose(mutants, options, seed):
    """The mutants that the options ask for, in the order of their places."""
    mutants = [mutant for mutant in mutants if not options.module or mutant.module in options.module]
    if options.sample:
        places = random.Random(seed).sample(range(len(mutants)), min(options.sample, len(mutants)))
        mutants = [mutants[place] for place in sorted(places)]
    return mutants


def main(arguments=None):
    options = parse_options(arguments)
    root = options.root.resolve()
    for module in set(options.module or ()) - set(deployed_modules(root / "fc_adapter")):
        sys.exit(f"{module} is not a deployed module, such as contract/query.py")
    seed = options.seed if options.seed is not None else random.randrange(2**32)
    mutants = find_mutants(root / "fc_adapter")
    equivalent = EQUIVALENT if root == ROOT else {}
    for key in set(equivalent).difference(mutant.key for mutant in mutants):
        sys.exit(f"tests/mutation/equivalent.py has what is no mutant any more: {key}")
    sample = choose(mutants, options, seed)
    tested = [mutant for mutant in sample if mutant.key not in equivalent]
    print(f"{len(sample)} mutants with the seed {seed}; {len(sample) - len(tested)} are equivalent", flush=True)
    began = time.monotonic()
    survivors = []
    late = []

    def note(mutant, is_killed, is_late):
        if is_late:
            late.append(mutant)
        if not is_killed:
            survivors.append(mutant)
            print(describe(mutant), flush=True)

    preload(root)
    with tempfile.TemporaryDirectory(prefix="fc_adapter_mutation_") as directory:
        trees = Trees(root, Path(directory).resolve(), options.processes)
        print(f"The {len(trees.files)} files of fast tests take {trees.seconds:.0f} s.", flush=True)
        for test in sorted(trees.failed):
            print(f"Left out, since it fails without a mutant: {test}", flush=True)
        print("Survivors:", flush=True)
        run_mutants(trees, tested, note)
    for mutant in late:
        print(f"Killed by the time that it took: {describe(mutant)}")
    killed = len(tested) - len(survivors)
    score = 100 * killed / max(len(tested), 1)
    print(f"{killed} of {len(tested)} killed, {score:.1f} %, seed {seed}, in {time.monotonic() - began:.0f} s")
    for mutant in sample:
        if mutant.key in equivalent:
            print(f"{describe(mutant)}\n    equivalent: {equivalent[mutant.key]}")
    return int(score < options.min_score)


def describe(mutant):
    """Where a mutant is, and its difference."""
    place = f"{mutant.module}:{mutant.lines.start}{f' {mutant.function}' if mutant.function else ''}"
    return f"{place}\n    - {mutant.before}\n    + {mutant.after}"


if __name__ == "__main__":
    sys.exit(main())
