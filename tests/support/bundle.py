"""A function's code on its own: an interpreter with nothing on its path but the code and the standard library.

After a build, for any interpreter: ``python -m tests.support.bundle examples/flask_app python3.10``, or an archive in
place of the directory. It also tells the archive's size, and the CPU time of a cold start's import with and without
bytecode.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tests.conftest import HTTP_EVENTS, read_event

# The runtime's part. What it imports in the end must come from the code or from the standard library.
_PROGRAM = """
import json, os, sys, time
import logging
standard = [os.path.realpath(each) for each in sys.path]
code = os.path.realpath(sys.argv[1])
sys.path[:0] = [code, os.path.join(code, "python")]
os.chdir(code)
began = time.process_time()
import index
seconds = time.process_time() - began
results = [index.handler(event.encode(), None) for event in json.load(sys.stdin)]
files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
foreign = [file for file in files if file and not os.path.realpath(file).startswith((code, *standard))]
json.dump({"results": results, "foreign": foreign, "seconds": seconds}, sys.stdout)
"""


def run_code(python, code, events=()):
    """What the interpreter ``python`` makes of the directory ``code``.

    ``results`` are the handler's for ``events`` (each bytes), ``seconds`` is the CPU time of the entry's import.
    """
    process = subprocess.run(
        [python, "-I", "-S", "-B", "-c", _PROGRAM, str(code)],
        input=json.dumps([event.decode() for event in events]).encode(),
        capture_output=True,
        timeout=60,
    )
    assert process.returncode == 0, process.stderr.decode()
    report = json.loads(process.stdout)
    assert not report["foreign"], report["foreign"]
    return report


def main(code, python=sys.executable, runs=10):
    """Print what the function answers to each recorded event, how large it is, and how long its import takes.

    ``code`` is a directory or an archive, which is unpacked as zip files are: with the times of now.
    """
    with tempfile.TemporaryDirectory() as directory:
        here, bare = Path(directory, "code"), Path(directory, "bare")
        if Path(code).is_dir():
            shutil.copytree(code, here)
        else:
            with zipfile.ZipFile(code) as archive:
                archive.extractall(here)
        shutil.copytree(here, bare, ignore=shutil.ignore_patterns("__pycache__"))
        results = run_code(python, here, [read_event(name) for name in HTTP_EVENTS])["results"]
        for name, result in zip(HTTP_EVENTS, results):
            print(f"{result['statusCode']} {name}")
        files = [path for path in here.rglob("*") if path.is_file()]
        with tempfile.TemporaryFile() as archive:
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
                for path in files:
                    writer.write(path, path.relative_to(here))
            size = archive.tell()
        print(f"{size / 1e6:.2f} MB in the archive, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB unpacked")
        seconds = [(run_code(python, here)["seconds"], run_code(python, bare)["seconds"]) for _ in range(int(runs))]
        least, without = map(min, zip(*seconds))
        print(
            f"import: {least * 1000:.0f} ms; without bytecode {without * 1000:.0f} ms, of which it is "
            f"{least / without:.2f}; the least of {runs}"
        )


if __name__ == "__main__":  # pragma: no cover - by hand
    main(*sys.argv[1:])
