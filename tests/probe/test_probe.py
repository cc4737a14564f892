"""``fc-adapter probe`` against the runner and against what is no probe function; its report, and what plays it."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import sys

import jsonschema
import pytest
import yaml

from fc_adapter.cli import run
from fc_adapter.contract.facts import CHOICES, DEFAULT_FACTS, Facts, read_facts
from fc_adapter.contract.response import platform_error
from fc_adapter.errors import ConfigError
from fc_adapter.probe import session as sessions
from fc_adapter.probe.client import Client
from fc_adapter.probe.report import ask_all, build_report, read_report_facts, write_report
from fc_adapter.probe.session import NotAskedError, Session, WrongAddressError
from fc_adapter.runner import serve
from fc_adapter.runner.instance import Reply
from tests.conftest import SCHEMA
from tests.support.desk import PROBE, TOKEN, Desk, Instances, Rules, environment
from tests.support.server import Server


@pytest.fixture
def probe(monkeypatch, capsys):
    """``fc-adapter probe``: gives the status, the lines it has printed, and what it has said beside."""
    monkeypatch.setenv("PROBE_TOKEN", TOKEN)

    def probe(*arguments):
        capsys.readouterr()
        status = run(["probe", *map(str, arguments)])
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return probe


@pytest.fixture
def desk():
    """A desk in which nothing is played yet."""
    with environment():
        desk = Desk()
        yield desk
        desk.close()


@contextlib.contextmanager
def playing(desk, instances=None, trigger=None):
    """Play the platform; gives the addresses."""
    instances = instances or Instances()
    desk.play(trigger or Rules(), instances)
    try:
        yield desk.urls
    finally:
        instances.close()


def test_the_runner_keeps_every_rule(tmp_path, probe):
    """The example as it is, on instances of their own, each limit at its size."""
    shutil.copytree(PROBE, tmp_path / "code", ignore=shutil.ignore_patterns("__pycache__"))
    runtime = "python3.12" if sys.version_info >= (3, 12) else "python3.10"  # the function looks at its own Python
    options = ("--template", "s.yaml", "--timeout", "4", "--runtime", runtime)
    with contextlib.ExitStack() as stack:
        urls = []
        for more in ((), ("--custom-domain",)):
            server = Server(*options, *more, cwd=tmp_path / "code", environment={"PROBE_TOKEN": TOKEN})
            urls.append(f"http://127.0.0.1:{stack.enter_context(server).port}")
        status, out, err = probe(urls[0], "--custom-domain", urls[1], "--json", tmp_path / "report.json")
    assert [line for line in out if "differs" in line or "expected" in line] == []
    assert "0 differ, 3 were not asked; " in out[-1]
    assert status == 0
    assert err.startswith("asking http://127.0.0.1:")
    assert "in at most 300 requests" in err
    text = (tmp_path / "report.json").read_text("utf-8")
    report = json.loads(text)
    assert report["platform"] == DEFAULT_FACTS._asdict()
    assert {row["verdict"] for row in report["rows"]} == {"agrees", "not asked"}
    assert [row for row in report["rows"] if row["verdict"] == "agrees" and not row["evidence"]] == []
    assert [secret for secret in (TOKEN, '"123456"', "127.0.0.1") if secret in text] == []
    assert read_report_facts(tmp_path / "report.json") == DEFAULT_FACTS


def test_the_template_is_one():
    template = yaml.safe_load((PROBE / "s.yaml").read_text("utf-8"))
    [resource] = template["resources"].values()
    jsonschema.validate(resource["props"], json.loads(SCHEMA.read_text("utf-8")), jsonschema.Draft7Validator)


# ---- what is not the probe function ----------------------------------------------------------------------------------


def other(event, context):
    return {"statusCode": 200, "body": "an app"}


def greets_and_changes():
    """A function that answers once as the probe does, and then is another."""
    told = []

    def handler(event, context):
        order = json.loads(json.loads(event)["headers"]["X-Probe"])
        told.append(order)
        probe = {"probe": 1, "nonce": order.get("nonce"), "event": {"requestContext": {}}}
        return json.dumps(probe) if len(told) == 1 else "[]"

    return handler, told


def test_another_function_is_asked_once(probe):
    seen = []

    def handler(event, context):
        seen.append(event)
        return other(event, context)

    with serve(handler) as platform:
        status, out, err = probe(platform.url)
    assert (status, out, len(seen)) == (1, [], 1)
    assert "stopped: what answers is not the probe function: b'an app'" in err


def test_a_function_that_is_replaced_meanwhile(probe, tmp_path):
    handler, told = greets_and_changes()
    with serve(handler) as platform:
        status, out, err = probe(platform.url, "--json", tmp_path / "report.json")
    assert (status, out, len(told)) == (1, [], 2)
    assert "stopped: what answers is not the probe function: b'[]'" in err
    assert list(tmp_path.iterdir()) == []


def test_a_function_that_fails(probe):
    def handler(event, context):
        raise ValueError

    with serve(handler) as platform:
        assert "there is no probe function: 502 Internal Server Error" in probe(platform.url)[2]


def test_nobody_there(probe):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    status, out, err = probe(f"http://127.0.0.1:{port}")
    assert (status, out) == (1, [])
    assert "stopped: there is no probe function: no answer from" in err


def test_token(probe, desk, monkeypatch):
    with playing(desk) as (url, _):
        monkeypatch.setenv("PROBE_TOKEN", "another-token")
        client = Client(url)
        assert client.send("GET", "/", [client.host]).status == 403
        for header in ("no JSON", "[]", '{"token": 1}'):
            answer = client.send("GET", "/", [client.host, ("X-Probe", header)])
            assert (answer.status, json.loads(answer.body)["probe"]) == (403, 1)
        assert (
            probe(url)[0] == 1
        )  # the token of the client is that of the function here: it is asked, and a row differs
    for wrong in ("", "a\nb", "\u8336"):
        monkeypatch.setenv("PROBE_TOKEN", wrong)
        status, out, err = probe("http://127.0.0.1:9")
        assert (status, out, "PROBE_TOKEN" in err) == (2, [], True)


def test_refused_token(desk):
    with playing(desk):
        session = desk.session()
        session.token = "another"
        with pytest.raises(WrongAddressError, match="the function refuses: X-Probe has no token, or another one"):
            session.greet()


# ---- what goes wrong on the way --------------------------------------------------------------------------------------


class Broken(Instances):
    """A platform that fails from the second request on, in one way or another."""

    def __init__(self, reply):
        super().__init__()
        self._reply, self._count = reply, 0

    def run(self, event, request_id, is_wanted=None):
        self._count += 1
        return super().run(event, request_id) if self._count == 1 else self._reply


def test_no_answer_again_and_again(desk, probe, tmp_path):
    class Silent(Rules):
        def finish(self, response, request_id):
            response = super().finish(response, request_id)
            return response._replace(headers=(("Content-Length", "1000000"),)) if silent else response

    silent = []

    class Falling(Instances):
        def run(self, *arguments):
            reply = super().run(*arguments)
            silent.extend([1] if b"tick" in arguments[0] else [])
            return reply

    with playing(desk, Falling(), Silent()) as (url, _):
        status, out, err = probe(url, "--timeout", "0.5", "--json", tmp_path / "report.json")
    assert status == 1
    assert "stopped: no answer from" in err
    assert [line.split()[:2] for line in out[-4:]] == [["not", "asked"], ["no", "answer"]] * 2
    rows = json.loads((tmp_path / "report.json").read_text("utf-8"))["rows"]
    assert [row["verdict"] for row in rows] == ["agrees"] * 3 + ["not asked"] * 2
    assert "timed out" in rows[-1]["evidence"][0]["error"]


def test_platform_that_gives_other_answers(desk, probe):
    reply = Reply("result", b'{"statusCode": 429, "body": "too many"}', "c-1")
    with playing(desk, Broken(reply)) as (url, _):
        status, out, _ = probe(url)
    assert status == 1
    assert "           the function was not reached: 429 too many" in out
    assert "           it stands in runner/runtime.py: Runtime" in out
    assert out[-1] == "what differs is worth an issue, with the file that --json FILE writes"


def test_no_more_than_the_budget(desk, monkeypatch):
    monkeypatch.setattr(sessions, "MOST", 2)
    with playing(desk):
        session = desk.session()
        session.greet()
        session.tell()
        with pytest.raises(NotAskedError, match="2 requests have been sent"):
            session.tell()


def test_questions_that_cannot_be_asked_here(desk):
    class Other(Instances):
        """A platform that has another instance each time, whose timeout is long."""

        imports_once = False

        def context(self, request_id):
            context = super().context(request_id)
            context.function.timeout = "600"
            return context

    with playing(desk, Other()):
        verdicts = {verdict.row.name: verdict for verdict in ask_all(desk.session())}
    assert verdicts["freezing"].seen == "the second request came to another instance; ask again"
    assert verdicts["timeout"].seen == "the function's timeout is 600 s; give it 30 or less"


# ---- the report ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_custom", [True, False])
def test_report_of_a_function_in_the_cloud(desk, tmp_path, monkeypatch, has_custom):
    """Host names, the account, the client's address and the token are told apart, and none of them is in it."""
    monkeypatch.setattr(Client, "_connect", lambda client: http.client.HTTPConnection(*desk.urls[0][7:].split(":")))
    session = desk.session(custom=Client("http://tea.example.com") if has_custom else None)
    session.client = Client("http://abcdefghij.cn-hangzhou.fcapp.run")
    with playing(desk):
        verdicts = ask_all(session)
    report = build_report(session, verdicts)
    text = json.dumps(report)
    assert [secret for secret in (TOKEN, "abcdefghij", "tea.example", '"123456"') if secret in text] == []
    assert "<host>" in text
    assert session.show("x" * 1990 + "abcdefghij.cn-hangzhou.fcapp.run") == "x" * 1990 + "<host>"  # first, then cut
    write_report(tmp_path / "report.json", report)
    assert read_report_facts(tmp_path / "report.json")
    with pytest.raises(ConfigError, match=r"cannot write .*: No such file or directory"):
        write_report(tmp_path / "none" / "report.json", report)


def report_with(tmp_path, **facts):
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"probe": 1, "platform": facts}))
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot read"),
        ("no JSON", "cannot read"),
        ("[]", "is not a report; expected what fc-adapter probe --json writes"),
        ('{"probe": 1}', "the platform's facts must be an object, got None"),
        (
            '{"probe": 1, "platform": {"weather": "fine"}}',
            "the platform has no fact 'weather'; the facts are several_c",
        ),
        ('{"probe": 1, "platform": {"host": "thrice"}}', "host must be 'once' or 'twice', got 'thrice'"),
        ('{"probe": 1, "platform": {"host": ["once"]}}', "host must be 'once' or 'twice', got ['once']"),
    ],
)
def test_file_that_is_no_report(tmp_path, text, message):
    path = tmp_path / "report.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_report_facts(path)
    assert message in str(raised.value)


def test_facts_have_choices():
    assert {name: choices[0] for name, choices in CHOICES.items()} == DEFAULT_FACTS._asdict()
    assert read_facts({}) == DEFAULT_FACTS


ALL_OTHER = {name: choices[1] for name, choices in CHOICES.items()}


def test_the_platform_as_a_report_saw_it(tmp_path):
    shutil.copytree(PROBE, tmp_path / "code", ignore=shutil.ignore_patterns("__pycache__"))
    path = report_with(tmp_path, host="twice")
    with Server(
        "--platform", path, "index:handler", cwd=tmp_path / "code", environment={"PROBE_TOKEN": TOKEN}
    ) as server:
        assert f"note: the platform is played as {path} saw it: host twice\n" in server.log
        session = Session(Client(f"http://127.0.0.1:{server.port}"), TOKEN)
        assert session.event()["headers"]["Host"] == f"127.0.0.1:{server.port},127.0.0.1:{server.port}"


def test_what_is_found_out_is_what_is_played(desk):
    """Also where all facts are others: each is asked for as little as can be of the others."""
    with playing(desk, trigger=Rules(facts=Facts(**ALL_OTHER))):
        session = desk.session()
        ask_all(session)
    assert read_facts(session.facts) == Facts(**ALL_OTHER)


def test_answers_that_say_nothing_of_the_facts(desk):
    class Refusing(Rules):
        def build_event(self, request, request_id):
            event = super().build_event(request, request_id)
            return {**event, "queryParameters": {}, "headers": {**event["headers"], "Host": "other"}}

        def respond(self, result):
            is_about_headers = b"ookie" in result or b"ONTENT-TYPE" in result or b"isposition" in result
            return platform_error(500, "Other", "refused") if is_about_headers else super().respond(result)

    with playing(desk, trigger=Refusing()):
        session = desk.session()
        verdicts = {verdict.row.name: verdict for verdict in ask_all(session)}
    assert session.facts == {}
    assert verdicts["query-joined"].seen == "the answer lacks what was looked at: KeyError 'tag'"


def test_the_platform_as_documented(tmp_path):
    with Server(f"{PROBE}/index.py:handler", "--platform", report_with(tmp_path), cwd=tmp_path) as server:
        assert "saw it: as documented\n" in server.log
