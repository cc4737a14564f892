"""Running the fast tests on a mutant, in a copy of the tree, in a process that need not import pytest anew.

Needs ``os.fork``. Each mutant gets the tests that run the changed lines, then those that run the rest of the function,
or processes of their own. It counts as killed when a test fails, or when they take several times as long as without it:
which mutants are killed by that is shown, since a machine that is busy with other things kills so, too.
"""

from __future__ import annotations

import os
import pickle
import re
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections import defaultdict
from pathlib import Path

from tests.mutation.mutants import deployed_modules

# About deployed modules, without being named as one of them is.
ALSO_FAST = ("any_app", "connections", "imports", "other_event", "public_api", "reporting", "security")
# Servers and processes that each of these starts, or tens of thousands of requests, take longer than all the others.
SLOW_TESTS = {
    "tests/test_memo.py::test_requests_with_any_header_names_leave_nothing_behind",
    "tests/test_reporting.py::test_error_is_reported_once_and_without_the_request",
    "tests/test_reporting.py::test_pages_and_mails_of_django",
    "tests/test_reporting.py::test_sentry_gets_no_more_than_behind_a_server",
}
FIRST = 40  # tests: most mutants are killed by these
# Imported before the processes are forked. Nothing here imports orjson, whose presence the adapter looks at.
PRELOADED = (
    *("pytest", "coverage", "hypothesis.strategies", "hypothesis.extra.pytestplugin", "unittest.mock"),
    *("asgiref.testing", "asgiref.wsgi", "a2wsgi", "starlette.applications", "httpx", "werkzeug.test", "pydantic"),
    *("bottle", "falcon.asgi", "flask", "pyramid.config", "quart", "sentry_sdk", "opentelemetry.sdk.trace"),
    *("django.core.handlers.asgi", "django.core.handlers.wsgi"),
)


def fast_test_files(root):
    """The files of the fast tests, as paths below ``root``: those named as a deployed module or its directory is."""
    parts = {module.partition("/")[0] for module in deployed_modules(root / "fc_adapter")}
    parts.update(f"{name}.py" for name in ALSO_FAST)
    paths = (path.relative_to(root) for path in sorted((root / "tests").rglob("test_*.py")))
    return [path.as_posix() for path in paths if re.sub("^test_", "", path.parts[1]) in parts]


def copy_tree(root, target):
    """Copy what the tests need of a project, without environments and caches."""

    def ignored(directory, names):
        return [
            name
            for name in names
            if name in (".git", "__pycache__", "dist", "node_modules")
            or name.endswith("_cache")
            or name.startswith((".coverage", ".hypothesis"))
            or Path(directory, name, "pyvenv.cfg").exists()
        ]

    shutil.copytree(root, target, ignore=ignored, symlinks=True)


def preload():
    """Import what all test processes will need, but nothing of the package and its tests."""
    from importlib import import_module

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in PRELOADED:
            try:
                import_module(name)
            except ImportError:  # pragma: no cover - it only saves time
                pass


class Process:
    """The fast tests in a process of their own, forked from this one.

    - ``tree``: where the package and its tests are copied to.
    - ``files``: test files; ``tests``: the ids of those tests in them that are run, in this order (default: all).
    - ``report``: a file for the outcome of the tests without a mutant, and for the lines that each of them runs.
    - ``is_late`` (bool): whether it was ended because it took longer than ``limit`` seconds.
    """

    def __init__(self, tree, files, *, limit, tests=(), report=None):
        self.end = time.monotonic() + limit
        self.is_late = False
        sys.stdout.flush()
        self._pid = os.fork()
        if not self._pid:  # pragma: no cover - ends without writing what was covered
            try:
                os._exit(_run_tests(tree, files, tests, report))
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(4)

    def poll(self):
        """None while it runs, then whether all tests have passed. Ends it when its time is over."""
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if pid:
            self._kill_group()  # processes that tests have started
            return status == 0
        if time.monotonic() < self.end:
            return None
        self.is_late = True
        self._kill_group()
        os.waitpid(self._pid, 0)
        return False

    def _kill_group(self):
        try:
            os.killpg(self._pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def _run_tests(tree, files, tests, report):  # pragma: no cover - see above
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have background jobs ignore it
    log = os.open(tree / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    null = os.open(os.devnull, os.O_RDONLY)
    for descriptor, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, target)
    os.chdir(tree)
    temporary = tree / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    os.environ.update(TMPDIR=str(temporary), PYTHONPATH=str(tree), PYTHONPYCACHEPREFIX="")
    import tempfile

    tempfile.tempdir = None
    if not report:  # a mutant's bytecode must not be found by the next one
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = not report
    sys.path[:] = [str(tree), *(path for path in sys.path if path and Path(path) != Path.cwd())]
    for name in list(sys.modules):
        if name.partition(".")[0] in ("tests", "fc_adapter"):
            del sys.modules[name]
    import pytest

    plugin = _Recorder(report, tree) if report else _Order(tests)
    options = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:fc_adapter"]
    options += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning", *([] if report else ["-x"])]
    try:
        pytest.main([*options, *files], plugins=[plugin])
    except Exception:  # what is found to be unclosed at the very end belongs to no test
        traceback.print_exc()
    return plugin.status


class _Status:  # pragma: no cover - see above
    """``status`` (int) is the exit status of the tests: 0 when all have passed, 5 when there were none."""

    status = 4

    def pytest_sessionfinish(self, exitstatus):
        self.status = int(exitstatus)


class _Order(_Status):  # pragma: no cover - see above
    """Leaves the given tests, in the given order."""

    def __init__(self, tests):
        self._ranks = {test: rank for rank, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if item.nodeid in self._ranks]
        items.sort(key=lambda item: self._ranks[item.nodeid])


class _Recorder(_Status):  # pragma: no cover - see above
    """Records which lines of the package each test runs, and how long it takes."""

    def __init__(self, report, tree):
        import coverage

        self._report = report
        self._tree = tree
        self._durations = defaultdict(float)
        self._imports = {}
        self._failed = set()
        self._coverage = coverage.Coverage(
            data_file=str(report) + ".coverage", config_file=False, source=[str(tree / "fc_adapter")]
        )
        self._coverage.start()

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if item.nodeid.partition("[")[0] not in SLOW_TESTS]

    def pytest_make_collect_report(self, collector):
        self._began = time.monotonic()

    def pytest_collectreport(self, report):
        self._imports[report.nodeid] = time.monotonic() - self._began

    def pytest_runtest_logstart(self, nodeid):
        self._coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report):
        self._durations[report.nodeid] += report.duration
        if report.failed:
            self._failed.add(report.nodeid)

    def pytest_sessionfinish(self, exitstatus):
        super().pytest_sessionfinish(exitstatus)
        self._coverage.stop()
        self._coverage.save()
        data = self._coverage.get_data()
        lines = defaultdict(set)
        for path in data.measured_files():
            module = Path(path).relative_to(self._tree / "fc_adapter").as_posix()
            for line, contexts in data.contexts_by_lineno(path).items():
                lines[module, line].update(set(contexts) - {""} - self._failed)
        durations = {test: seconds for test, seconds in self._durations.items() if test not in self._failed}
        self._report.write_bytes(pickle.dumps((durations, self._imports, dict(lines), self._failed)))


class Trees:
    """As many copies of the project as mutants are tested at a time, and what its tests do without a mutant.

    ``failed`` (set of str) are tests that fail without one, and are left out.
    """

    def __init__(self, root, directory, count, limit=1200):
        self.files = fast_test_files(root)
        first = directory / "0"
        copy_tree(root, first)
        report = directory / "report"
        began = time.monotonic()
        process = Process(first, self.files, limit=limit, report=report)
        while process.poll() is None:
            time.sleep(0.05)
        self.seconds = time.monotonic() - began
        if not report.exists():
            raise RuntimeError(f"the tests do not run:\n{(first / 'output').read_text()[-4000:]}")
        self._durations, self._imports, self._lines, self.failed = pickle.loads(report.read_bytes())
        # They run what they test in a process of its own, if they run it at all.
        self._elsewhere = set(self._durations).difference(*self._lines.values())
        self.free = [first]
        for number in range(1, count):
            shutil.copytree(first, directory / str(number), symlinks=True)
            self.free.append(directory / str(number))

    def tests_of(self, mutant):
        """The ids of the tests that can notice a mutant, the likely and quick ones first."""
        lines, scope = self._tests_of(mutant, mutant.lines), self._tests_of(mutant, mutant.scope)
        if not scope:  # what runs when the package is imported belongs to no test, so any may be about it
            near = re.compile(f"tests/(test_)?{mutant.module.partition('/')[0].partition('.')[0]}[./]")
            lines, scope = set(filter(near.match, self._durations)), set(self._durations)
        others = scope | self._elsewhere
        return sorted(lines, key=self._seconds) + sorted(others - lines, key=self._seconds)

    def _tests_of(self, mutant, lines):
        return set().union(*(self._lines.get((mutant.module, line), ()) for line in lines))

    def _seconds(self, test):
        return self._durations[test] + self._imports[_file_of(test)], test

    def start(self, tree, tests):
        """Run some of the tests in a tree."""
        files = sorted(set(map(_file_of, tests)))
        seconds = sum(map(self._imports.get, files)) + sum(map(self._durations.get, tests))
        return Process(tree, files, limit=30 + 6 * seconds, tests=tests)

    def put(self, mutant, tree):
        path = tree / "fc_adapter" / mutant.module
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
            compiled.unlink()
        path.rename(path.with_suffix(".original"))
        path.write_text(mutant.source, encoding="utf-8")

    def restore(self, mutant, tree):
        path = tree / "fc_adapter" / mutant.module
        path.with_suffix(".original").replace(path)


def _file_of(test):
    return test.partition("::")[0]


def run_mutants(trees, mutants, on_result):
    """Test each mutant, as many at a time as there are trees.

    Calls ``on_result(mutant, is_killed, is_late)`` for each; ``is_late`` is whether it was killed by the time it took.
    """
    waiting = list(reversed(mutants))
    running = []
    while waiting or running:
        while waiting and trees.free:
            mutant, tree = waiting.pop(), trees.free.pop()
            trees.put(mutant, tree)
            tests = trees.tests_of(mutant)
            running.append((mutant, tree, tests[FIRST:], trees.start(tree, tests[:FIRST])))
        time.sleep(0.02)
        for each in list(running):
            mutant, tree, tests, process = each
            passed = process.poll()
            if passed is None:
                continue
            running.remove(each)
            if passed and tests:
                running.append((mutant, tree, [], trees.start(tree, tests)))
                continue
            trees.restore(mutant, tree)
            trees.free.append(tree)
            on_result(mutant, not passed, process.is_late)
