"""What many tests share: the platform's recorded events, and a factory of others."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent

# The suite tries the same examples each time. HYPOTHESIS_PROFILE=explore tries others, and =long many others.
settings.register_profile("suite", deadline=None, max_examples=200, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=500, print_blob=True)
settings.register_profile("long", deadline=None, max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


def let_interrupts_work():
    """Have SIGINT raise KeyboardInterrupt where it is ignored, as in what a script runs in the background with ``&``.

    Processes inherit that, and the runner, which is stopped with SIGINT, then leaves it so.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


let_interrupts_work()


@pytest.fixture(autouse=True)
def keep_signals():
    """``fc-adapter serve`` leaves a process that is about to end without Ctrl-C, and others would inherit that."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, action in before.items():
        if signal.getsignal(number) != action:
            signal.signal(number, action)


@pytest.fixture(autouse=True)
def forget_functions(tmp_path_factory):
    """A function that a test has written, such as ``index``, is imported by no other test that has one of this name."""
    before = set(sys.modules)
    yield
    written = str(tmp_path_factory.getbasetemp())
    for name in sys.modules.keys() - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(written):
            del sys.modules[name]


# Files and directories that the README's command leaves out, with ``-m "not slow"``: they build wheels, start an
# interpreter for each case, or are the same for thirteen apps. CI runs them; `.ci/run` says on which interpreters.
SLOW = (
    *("matrix", "project/test_build.py", "test_docs.py", "test_examples.py", "test_reporting.py", "stores"),
    *("probe/test_questions.py", "probe/test_probe.py", "test_endurance.py", "test_memo.py", "test_bundle.py"),
    *("testing/test_pytest_plugin.py", "mutation", "test_benchmarks.py", "project/test_run_bundle.py"),
    *("runner/test_terminal.py", "inspector/test_serving.py", "project/test_doctor_bundle.py", "cli/test_several.py"),
    *("test_faults.py", "runner/test_crash.py", "runner/test_record.py"),
)
# Of the others, those that take longest: they begin first, so that no process of pytest-xdist ends with them.
LONG = ("cli/test_serve.py", "runner/test_stacks.py", "runner/test_console.py", "runner/test_instance.py")


def pytest_configure(config):
    """Keep pytest-xdist from beginning with the files that have the most tests."""
    for name in (*SLOW, *LONG):
        assert (TESTS / name).exists(), f"{name} is listed in tests/conftest.py, and is not there"
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_xdist_auto_num_workers():
    """For ``-n auto``: one more for each two cores, since much of what a test takes is waiting for processes."""
    cores = os.cpu_count() or 1
    return cores + (cores + 1) // 2


def pytest_ignore_collect(collection_path, config):
    """What is left out need not be imported, which each process of pytest-xdist would do."""
    return True if config.option.markexpr == "not slow" and is_in(collection_path, SLOW) else None


def pytest_itemcollected(item):
    """Mark what is slow."""
    if is_in(item.path, SLOW):
        item.add_marker(pytest.mark.slow)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Move what takes long to the front; all else stays in its random order."""
    items.sort(key=lambda item: 0 if item.get_closest_marker("slow") else 1 if is_in(item.path, LONG) else 2)


def is_in(path, names):
    """Whether a path is one of the files or directories, or in one of them."""
    place = Path(os.path.relpath(path, TESTS)).as_posix()
    return place in names or place.partition("/")[0] in names


EVENTS = TESTS / "data" / "events"
SCHEMA = TESTS / "data" / "fc3-props.schema.json"
HTTP_EVENTS = ["api_gateway", "get_no_body", "invoke_api", "post_form", "post_json"]


def read_event(name):
    """The bytes of one recorded event."""
    return (EVENTS / f"{name}.json").read_bytes()


def with_domain(template):
    """The text of an s.yaml with the custom domain that is in its last comment."""
    head, marker, domain = template.partition("#  domain:")
    return head + (marker + domain).replace("#  ", "  ")


def make_event(
    *,
    method="GET",
    raw_path="/",
    headers=None,
    query=None,
    body="",
    is_base64=False,
    request_id="1-event",
    domain="demo.cn-hangzhou.fcapp.run",
    source_ip="11.11.11.11",
    protocol="HTTP/1.1",
    **fields,
):
    """The event of an HTTP trigger (a dict), with any field replaced."""
    return {
        "version": "v1",
        "rawPath": raw_path,
        "headers": headers or {},
        "queryParameters": query or {},
        "body": body,
        "isBase64Encoded": is_base64,
        "requestContext": {
            "accountId": "123456",
            "domainName": domain,
            "domainPrefix": domain.partition(".")[0],
            "http": {
                "method": method,
                "path": raw_path,
                "protocol": protocol,
                "sourceIp": source_ip,
                "userAgent": "",
            },
            "requestId": request_id,
            "time": "2023-09-05T06:41:11Z",
            "timeEpoch": "1693896071895",
        },
        **fields,
    }


def dump(event):
    """An event as the platform passes it."""
    return json.dumps(event).encode()


@pytest.fixture(scope="session", autouse=True)
def _inspectors_on_any_port():
    """Servers of several tests run at the same time, each with its inspector."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setitem(os.environ, "FC_ADAPTER_INSPECT_PORT", "0")
        yield


@pytest.fixture(params=HTTP_EVENTS)
def http_event(request):
    """Each recorded HTTP event, as bytes."""
    return read_event(request.param)


@pytest.fixture
def no_logging():
    """For tests whose thousands of errors nobody wants to read."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)
