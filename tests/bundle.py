"""A function's code on its own: an interpreter with nothing on its path but the code and the standard library.

After a build by hand, for any interpreter: ``python -m tests.bundle examples/flask_app /usr/bin/python3.10``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import HTTP_EVENTS, read_event

# The runtime's part. What it imports in the end must come from the code or from the standard library.
_PROGRAM = """
import json, os, sys
standard = [os.path.realpath(each) for each in sys.path]
code = os.path.realpath(sys.argv[1])
sys.path[:0] = [code, os.path.join(code, "python")]
os.chdir(code)
import index
results = [index.handler(event.encode(), None) for event in json.load(sys.stdin)]
files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
foreign = [file for file in files if file and not os.path.realpath(file).startswith((code, *standard))]
json.dump({"results": results, "foreign": foreign}, sys.stdout)
"""


def answer_events(python, code, events):
    """The handler's results for ``events`` (each bytes), by the interpreter ``python``, from the directory ``code``."""
    process = subprocess.run(
        [python, "-I", "-S", "-B", "-c", _PROGRAM, str(code)],
        input=json.dumps([event.decode() for event in events]).encode(),
        capture_output=True,
        timeout=60,
    )
    assert process.returncode == 0, process.stderr.decode()
    report = json.loads(process.stdout)
    assert not report["foreign"], report["foreign"]
    return report["results"]


def answer_samples(python, code):
    """The statuses of the answers to the recorded HTTP events, by their names."""
    results = answer_events(python, code, [read_event(name) for name in HTTP_EVENTS])
    return {name: result["statusCode"] for name, result in zip(HTTP_EVENTS, results)}


def main(code, python=sys.executable):
    """Print what the function answers to each recorded event."""
    for name, status in answer_samples(python, Path(code)).items():
        print(f"{status} {name}")


if __name__ == "__main__":  # pragma: no cover - by hand
    main(*sys.argv[1:])
