"""Running the fast tests on a mutant, in a copy of the tree.

Needs ``os.fork``. A process collects the tests once. For each mutant it forks a child, which gives the functions their
changed code and runs the tests that run the changed lines, then those that may do so in a process of their own. What
changes a constant or a default, which takes another import, is tested by a pytest of its own.

A mutant counts as killed when a test fails, or when they take several times as long as without it: which ones are
killed by that is shown, since a machine that is busy with other things kills so, too.
"""

from __future__ import annotations

import contextlib
import gc
import inspect
import math
import os
import pickle
import re
import shutil
import signal
import sys
import time
import traceback
import types
import warnings
from collections import defaultdict
from multiprocessing import Pipe
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
# Imported before the processes are forked: what runs the tests, and what the tests name. Nothing here imports orjson,
# whose presence the adapter looks at.
RUNNERS = ("pytest", "coverage")
PRELOADED = (
    *("hypothesis.strategies", "hypothesis.extra.pytestplugin", "unittest.mock"),
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


def preload(root):
    """Import what all test processes will need, but nothing of the package and its tests."""
    from importlib import import_module

    sources = "\n".join(path.read_text(encoding="utf-8") for path in (root / "tests").rglob("*.py"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in (*RUNNERS, *(name for name in PRELOADED if name.partition(".")[0] in sources)):
            try:
                import_module(name)
            except ImportError:  # pragma: no cover - it only saves time
                pass


class Process:
    """Something that is done in a process of its own, forked from this one, for ``limit`` seconds at most.

    ``function`` is called there with ``arguments`` and returns the exit status. ``is_late`` is whether it was ended
    because it took longer.
    """

    def __init__(self, function, *arguments, limit):
        self.end = time.monotonic() + limit
        self.is_late = False
        sys.stdout.flush()
        self._pid = os.fork()
        if not self._pid:  # pragma: no cover - ends without writing what was covered
            try:
                os._exit(function(*arguments))
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(4)

    def poll(self):
        """None while it runs, then its exit status, 1 if it is late. Ends it when its time is over."""
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if pid:
            self._kill_group()  # processes that tests have started
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1
        if time.monotonic() < self.end:
            return None
        self.is_late = True
        self.kill()
        return 1

    def kill(self):
        """End it, and what it has started."""
        self._kill_group()
        os.waitpid(self._pid, 0)

    def wait(self):
        """Its exit status, once it has ended."""
        while True:
            status = self.poll()
            if status is not None:
                return status
            time.sleep(0.005)

    def _kill_group(self):
        try:
            os.killpg(self._pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def _run_tests(tree, files, plugin):  # pragma: no cover - see above
    """Run pytest in this process, in a tree, with one of the plugins below. Returns the exit status of the tests."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have background jobs ignore it
    log = os.open(tree / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    null = os.open(os.devnull, os.O_RDONLY)
    for descriptor, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, target)
    os.chdir(tree)
    temporary = tree / f"tmp{os.getpid()}"
    temporary.mkdir()
    os.environ.update(TMPDIR=str(temporary), PYTHONPATH=str(tree), PYTHONPYCACHEPREFIX="")
    import tempfile

    tempfile.tempdir = None
    if not plugin.writes_bytecode:  # a mutant's must not be found by the next one
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = not plugin.writes_bytecode
    sys.path[:] = [str(tree), *(path for path in sys.path if path and Path(path) != Path.cwd())]
    for name in list(sys.modules):
        if name.partition(".")[0] in ("tests", "fc_adapter"):
            del sys.modules[name]
    import pytest

    options = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:fc_adapter"]
    options += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning", *plugin.options]
    try:
        pytest.main([*options, *files], plugins=[plugin])
    except Exception:  # what is found to be unclosed at the very end belongs to no test
        traceback.print_exc()
    return plugin.status


class _Status:  # pragma: no cover - see above
    """``status`` (int) is the exit status of the tests: 0 when all have passed, 5 when there were none."""

    status = 4
    writes_bytecode = False
    options = ("-x",)

    def pytest_sessionfinish(self, exitstatus):
        self.status = int(exitstatus)


class _Order(_Status):  # pragma: no cover - see above
    """Leaves the given tests, in the given order."""

    def __init__(self, tests):
        self._ranks = {test: rank for rank, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if item.nodeid in self._ranks]
        items.sort(key=lambda item: self._ranks[item.nodeid])


class _Nursery(_Status):  # pragma: no cover - see above
    """Collects the tests once; for each request that comes, runs some of them in a child that is changed first.

    A request is (the mutant's module, its source, the ids of the tests, seconds); the reply is (exit status, whether it
    took longer).
    """

    def __init__(self, connection):
        self._connection = connection

    def pytest_runtestloop(self, session):
        items = {item.nodeid: item for item in session.items}
        self._connection.send("ready")
        with contextlib.suppress(EOFError):
            while True:
                module, source, tests, limit = self._connection.recv()
                child = Process(_run_items, session, [items[test] for test in tests], module, source, limit=limit)
                self._connection.send((child.wait(), child.is_late))
        return True


def _run_items(session, items, module, source):  # pragma: no cover - see above
    os.setsid()
    change_functions(module, source)
    for item, following in zip(items, [*items[1:], None]):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


def find_changes(before, after):
    """The code of each function that differs between two sources of a module: (before, after).

    None when anything else differs, such as the value of a constant or of a default, which takes another import.
    """
    changes = []

    def compare(old, new):
        """Whether two bodies of modules or classes are the same but for the functions in them."""
        if (old.co_code, old.co_names) != (new.co_code, new.co_names) or len(old.co_consts) != len(new.co_consts):
            return False
        for one, other in zip(old.co_consts, new.co_consts):
            if not isinstance(one, types.CodeType):
                if repr(one) != repr(other):
                    return False
            elif one.co_flags & inspect.CO_OPTIMIZED:  # a function
                if one != other:
                    changes.append((one, other))
            elif not compare(one, other):
                return False
        return True

    return changes if compare(compile(before, "", "exec"), compile(after, "", "exec")) and changes else None


def change_functions(module, source):  # pragma: no cover - in a child that ends without writing what was covered
    """Give the functions of an imported module the changed code. One that is not imported yet will be."""
    name = f"fc_adapter.{module[:-3].replace('/', '.')}".replace(".__init__", "")
    if name not in sys.modules:
        return
    path = Path(sys.modules[name].__file__)
    functions = [each for each in gc.get_objects() if type(each) is types.FunctionType and each.__module__ == name]
    for old, new in find_changes(path.with_suffix(".original").read_text(encoding="utf-8"), source):
        new = _with_file(new, str(path))
        for function in functions:
            code = function.__code__
            if (code.co_name, code.co_firstlineno) == (old.co_name, old.co_firstlineno):
                function.__code__ = new


def _with_file(code, path):  # pragma: no cover - see above
    inner = tuple(_with_file(each, path) if isinstance(each, types.CodeType) else each for each in code.co_consts)
    return code.replace(co_filename=path, co_consts=inner)


class _Recorder(_Status):  # pragma: no cover - see above
    """Records which lines of the package each test runs, and how long it takes."""

    writes_bytecode = True
    options = ()

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
        Process(_run_tests, first, self.files, _Recorder(report, first), limit=limit).wait()
        self.seconds = time.monotonic() - began
        if not report.exists():
            raise RuntimeError(f"the tests do not run:\n{(first / 'output').read_text()[-4000:]}")
        self._durations, self._imports, self._lines, self.failed = pickle.loads(report.read_bytes())
        # They run what they test in a process of its own, if they run it at all.
        self._elsewhere = set(self._durations).difference(*self._lines.values())
        trees = [first, *(directory / str(number) for number in range(1, count))]
        for tree in trees[1:]:
            shutil.copytree(first, tree, symlinks=True)
        self.free = list(map(Tree, trees, [self.files] * count))
        for tree in self.free:
            tree.wait()

    def tests_of(self, mutant):
        """The ids of the tests that can notice a mutant, the likely and quick ones first."""
        lines, scope = self._tests_of(mutant, mutant.lines), self._tests_of(mutant, mutant.scope)
        if not scope:  # what runs when the package is imported belongs to no test, so any may be about it
            near = re.compile(f"tests/(test_)?{mutant.module.partition('/')[0].partition('.')[0]}[./]")
            lines, scope = set(filter(near.match, self._durations)), set(self._durations)
        # What is made once belongs to the test that happened to come first.
        others = self._elsewhere | (scope if len(lines) < FIRST else set())
        return sorted(lines, key=self._seconds) + sorted(others - lines, key=self._seconds)

    def _tests_of(self, mutant, lines):
        return set().union(*(self._lines.get((mutant.module, line), ()) for line in lines))

    def _seconds(self, test):
        return self._durations[test] + self._imports[_file_of(test)], test

    def seconds_of(self, tests):
        """How long tests may take on a mutant."""
        return 30 + 6 * (sum(map(self._imports.get, set(map(_file_of, tests)))) + sum(map(self._durations.get, tests)))


class Tree:
    """One copy of the project, and the process that has collected its tests before any mutant was there."""

    def __init__(self, path, files):
        self.path = path
        self._connection, connection = Pipe()
        self._nursery = Process(self._nurse, files, connection, limit=math.inf)
        connection.close()
        self._child = None
        self._is_in_nursery = False

    def _nurse(self, files, connection):  # pragma: no cover - in a process of its own
        self._connection.close()
        return _run_tests(self.path, files, _Nursery(connection))

    def wait(self):
        """Wait until the tests are collected: what they import then must be no mutant."""
        self._receive()

    def close(self):
        self._connection.close()
        self._nursery.kill()

    def put(self, mutant):
        """Have this mutant in the tree."""
        path = self.path / "fc_adapter" / mutant.module
        self._is_in_nursery = find_changes(path.read_text(encoding="utf-8"), mutant.source) is not None
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
            compiled.unlink()
        path.rename(path.with_suffix(".original"))
        path.write_text(mutant.source, encoding="utf-8")

    def restore(self, mutant):
        path = self.path / "fc_adapter" / mutant.module
        path.with_suffix(".original").replace(path)

    def start(self, mutant, tests, limit):
        """Run some of the tests."""
        if self._is_in_nursery:
            self._connection.send((mutant.module, mutant.source, tests, limit))
        else:
            files = sorted(set(map(_file_of, tests)))
            self._child = Process(_run_tests, self.path, files, _Order(tests), limit=limit)

    def poll(self):
        """None while the tests run, then whether they have passed, and whether they took too long."""
        if self._is_in_nursery:
            if not self._connection.poll():
                return None
            status, is_late = self._receive()
        else:
            status, is_late = self._child.poll(), self._child.is_late
            if status is None:
                return None
        return status == 0, is_late

    def _receive(self):
        try:
            return self._connection.recv()
        except (EOFError, ConnectionError):
            raise RuntimeError(f"the tests do not run:\n{(self.path / 'output').read_text()[-4000:]}") from None


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
            tests = trees.tests_of(mutant)
            tree.put(mutant)
            tree.start(mutant, tests[:FIRST], trees.seconds_of(tests[:FIRST]))
            running.append((mutant, tree, tests[FIRST:]))
        time.sleep(0.02)
        for each in list(running):
            mutant, tree, tests = each
            outcome = tree.poll()
            if outcome is None:
                continue
            running.remove(each)
            passed, is_late = outcome
            if passed and tests:
                tree.start(mutant, tests, trees.seconds_of(tests))
                running.append((mutant, tree, []))
                continue
            tree.restore(mutant)
            trees.free.append(tree)
            on_result(mutant, not passed, is_late)
    for tree in trees.free:
        tree.close()
