"""The probe asked of gateways that keep every rule of the contract, and of gateways that break one."""

from __future__ import annotations

import importlib
import json
import re

import pytest

from fc_adapter.contract.facts import DEFAULT_FACTS, Facts
from fc_adapter.contract.rules import LIMITS, METHODS
from fc_adapter.messages import Response
from fc_adapter.probe.report import DIFFERS, NOT_ASKED, ask_all
from fc_adapter.probe.rows import ROWS
from fc_adapter.probe.session import MOST, QUESTIONS
from fc_adapter.runner.instance import Reply
from tests.support.desk import Desk, Instances, Rules, environment
from tests.support.pages import ROOT

# What cannot be asked by way of an HTTP trigger.
ELSEWHERE = {"import-error", "api-gateway-path"}


@pytest.fixture(scope="module")
def desk():
    with environment():
        desk = Desk()
        yield desk
        desk.close()


def ask(desk, trigger=None, instances=None, **options):
    """Ask everything, in a ``Desk.session(**options)``. Returns the verdicts by the names of rows, and the session."""
    instances = instances or Instances()
    desk.play(trigger or Rules(), instances)
    session = desk.session(**options)
    try:
        verdicts = ask_all(session)
    finally:
        instances.close()
    return {verdict.row.name: verdict for verdict in verdicts}, session


def named(verdicts, kind):
    return {name for name, verdict in verdicts.items() if verdict.verdict == kind}


# ---- the rules kept --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("python", "other"), [((3, 10), "context-3.12"), ((3, 12), "context-before-3.12")])
def test_every_row_agrees(desk, python, other):
    instances = Instances()
    instances.runtime = python
    verdicts, session = ask(desk, instances=instances)
    assert {name: verdict.seen for name, verdict in verdicts.items() if verdict.verdict == DIFFERS} == {}
    assert named(verdicts, NOT_ASKED) == {*ELSEWHERE, other}
    assert list(verdicts) == [row.name for row in ROWS]
    assert Facts(**session.facts) == DEFAULT_FACTS
    assert set(session.facts) == set(Facts._fields)
    assert 80 < session.sent < MOST


def test_without_a_custom_domain(desk):
    verdicts, session = ask(desk, custom=None)
    assert named(verdicts, NOT_ASKED) - ELSEWHERE >= {"custom-download", "custom-disposition"}
    assert named(verdicts, DIFFERS) == set()
    assert "custom_disposition" not in session.facts


# ---- one rule broken -------------------------------------------------------------------------------------------------


def event(**fields):
    """A trigger whose events have other fields at the top."""
    return changed_event(lambda request, event: {**event, **fields})


def context(**fields):
    return changed_event(lambda request, event: {**event, "requestContext": {**event["requestContext"], **fields}})


def http(change):
    """A trigger whose ``requestContext.http`` is what ``change(request, http)`` makes of it."""

    def change_context(request, event):
        fields = event["requestContext"]
        return {**event, "requestContext": {**fields, "http": change(request, fields["http"])}}

    return changed_event(change_context)


def headers(change):
    """A trigger whose event has the headers that ``change(request, headers)`` makes of them."""
    return changed_event(lambda request, event: {**event, "headers": change(request, dict(event["headers"]))})


def changed_event(change):
    class Changed(Rules):
        def build_event(self, request, request_id):
            return change(request, super().build_event(request, request_id))

    return Changed()


def refusing(refuses):
    """A trigger that also refuses the requests of which ``refuses(request)`` gives a response."""

    class Changed(Rules):
        def refuse(self, request):
            return refuses(request) or super().refuse(request)

    return Changed()


def responding(change):
    """A trigger whose response is what ``change(envelope, response)`` makes of it; other results have no envelope."""

    class Changed(Rules):
        def respond(self, result):
            try:
                found = json.loads(result)
            except ValueError:
                found = {}
            found = found if isinstance(found, dict) and "statusCode" in found else {}
            return change(found, super().respond(result))

    return Changed()


def finishing(change):
    """A trigger whose last word is what ``change(trigger, response)`` makes of it."""

    class Changed(Rules):
        def finish(self, response, request_id):
            return change(self, super().finish(response, request_id))

    return Changed()


def playing(**rules):
    instances = Instances()
    vars(instances).update(rules)
    return instances


def without(response, name):
    return response._replace(headers=tuple(header for header in response.headers if header[0].lower() != name))


def returned(envelope, name):
    """The value of a header that the function has returned."""
    return next((value for key, value in envelope.get("headers", {}).items() if key.lower() == name), None)


def last_of(name):
    def change(request, fields):
        values = [value for key, value in request.headers if key.lower() == name]
        return {**fields, name.title(): values[-1]} if values else fields

    return change


def undecoded(request, event):
    """The names and values as they came, but for commas, which were asked about before."""
    parameters = {name: value.replace("茶", "%E8%8C%B6") for name, value in event["queryParameters"].items()}
    return {**event, "queryParameters": parameters}


def last_parameter(request, event):
    parameters = {name: value.rpartition(",")[2] for name, value in event["queryParameters"].items()}
    return {**event, "queryParameters": parameters} if request.query_string.count("tag=") > 1 else event


def escaped_commas(request, event):
    parameters = {name: value.replace(",", "%2C") for name, value in event["queryParameters"].items()}
    return {**event, "queryParameters": parameters} if "%2C" in request.query_string else event


def latin(request, event):
    body = request.body.decode("latin-1") if "\ufffd" in event["body"] else event["body"]
    return {**event, "body": body}


def latin_query(request, event):
    parameters = {name: value.replace("\ufffd", "?") for name, value in event["queryParameters"].items()}
    return {**event, "queryParameters": parameters}


def base64_of_a_text_type(request, event):
    """One of the text types travels as Base64."""
    if "application/javascript" in [value for _, value in request.headers]:
        return {**event, "body": "6Iy2", "isBase64Encoded": True}
    return event


def large_target(request):
    return Response(400, (), b"InvalidArgument") if len(request.raw_path) > 4000 else None


def large_headers(request):
    size = sum(len(f"{name}: {value}\r\n") for name, value in request.headers)
    return Response(400, (), b"InvalidArgument") if size > 8100 else None


def large_body(request):
    is_async = any(name == "X-Fc-Invocation-Type" for name, _ in request.headers)
    return Response(400, (), b"InvalidArgument") if len(request.body) > 90_000 and not is_async else None


def large_async_body(request):
    return Response(400, (), b"InvalidArgument") if len(request.body) == LIMITS["async_body"] else None


def cut_at_comma(envelope, response):
    return response._replace(
        headers=tuple((name, value.partition(", 04")[0]) for name, value in response.headers)
        if len([name for name in envelope.get("headers", {}) if name.lower() == "set-cookie"]) == 1
        else response.headers
    )


def split_cookies(envelope, response):
    if returned(envelope, "set-cookie") != "a=1, b=2":
        return response
    response = without(response, "set-cookie")
    return response._replace(headers=(*response.headers, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")))


def swallow_te(envelope, response):
    return response._replace(body=b"") if returned(envelope, "te") else response


def with_server(envelope, response):
    value = returned(envelope, "server")
    return response._replace(headers=(*response.headers, ("Server", value))) if value else response


def send_1xx(envelope, response):
    return Response(103, (), b"") if envelope.get("statusCode") == 103 else response


def large_response_headers(envelope, response):
    return Response(502, (), b"BadResponse") if len(returned(envelope, "x-fill") or "") > 8100 else response


def broken_object(envelope, response):
    return response._replace(body=b"{}") if isinstance(envelope.get("body"), dict) else response


def strict_base64(envelope, response):
    is_refused = envelope.get("body") == "not Base64!"
    return Response(502, (), b"BadResponse") if is_refused else response


def true_alone(envelope, response):
    is_text = envelope.get("isBase64Encoded") == "true"
    return response._replace(body=envelope["body"].encode()) if is_text else response


def plain_type(envelope, response):
    response = without(response, "content-type")
    return response._replace(headers=(*response.headers, ("Content-Type", "text/plain")))


def only_plain_results(envelope, response):
    return response if envelope else plain_type(envelope, response)


def only_envelopes_without_type(envelope, response):
    return plain_type(envelope, response) if envelope and not returned(envelope, "content-type") else response


def renamed_errors(trigger, response):
    return response._replace(body=response.body.replace(b'"errorMessage"', b'"errorMassage"'))


def accepted_as_200(trigger, response):
    return response._replace(status=200) if response.status == 202 else response


def shown(trigger, response):
    return response if trigger.custom_domain else without(response, "content-disposition")


def downloaded(trigger, response):
    if not trigger.custom_domain or "inline; filename=tea.txt" in [value for _, value in response.headers]:
        return response
    return response._replace(headers=(*response.headers, ("Content-Disposition", "attachment")))


def other_teapot(envelope, response):
    return response._replace(status=200) if response.status == 418 else response


class Partial(Instances):
    """A platform that leaves out what a test names, of the context or of the environment."""

    def __init__(self, name, runtime=(3, 10)):
        self.runtime = runtime
        self._lacking = name
        super().__init__()

    def context(self, request_id):
        found = super().context(request_id)
        vars(found).pop(self._lacking, None)
        return found


class Environment(Instances):
    """A platform whose functions see other variables."""

    def __init__(self, monkeypatch=None, **variables):
        super().__init__()
        self._variables = variables

    def run(self, event, request_id, is_wanted=None):
        reply = super().run(event, request_id)
        told = json.loads(json.loads(reply.data)["body"]) if b'\\"environment\\"' in reply.data else None
        if told is None:
            return reply
        names = dict.fromkeys(told["environment"], True) | self._variables
        told["environment"] = sorted(name for name, is_set in names.items() if is_set)
        return reply._replace(data=json.dumps({**json.loads(reply.data), "body": json.dumps(told)}).encode())


class TimedOut(Instances):
    """A platform that answers a timeout in another way."""

    def run(self, event, request_id, is_wanted=None):
        reply = super().run(event, request_id)
        if reply.kind == "error" and b'\\"wait\\"' in event:
            return Reply("result", b'{"statusCode": 504}', "c-1")
        return reply


def no_large_result(envelope, response):
    return Response(502, (), b"BadResponse") if len(response.body) > 100_000 else response


BROKEN = {
    "import": lambda: (None, playing(imports_once=False)),
    "event-bytes": lambda: (None, playing(event_is_bytes=False)),
    "one-at-a-time": lambda: (None, playing(one_at_a_time=False)),
    "freezing": lambda: (None, playing(freezes=False)),
    "plain-results": lambda: (None, playing(dumps_results=False)),
    "function-error": lambda: (None, playing(hides_errors=False)),
    "exit": lambda: (None, playing(ends_at_exit=False)),
    "hooks": lambda: (None, playing(initializes=False)),
    "version": lambda: (event(version="v2"), None),
    "raw-path": lambda: (
        changed_event(lambda request, event: {**event, "rawPath": event["rawPath"].replace("//", "/")}),
        None,
    ),
    "path": lambda: (http(lambda request, fields: {**fields, "path": request.raw_path}), None),
    "query-decoded": lambda: (changed_event(undecoded), None),
    "query-joined": lambda: (changed_event(last_parameter), None),
    "query-commas": lambda: (changed_event(escaped_commas), None),
    "query-not-utf8": lambda: (changed_event(latin_query), None),
    "header-names": lambda: (
        headers(lambda request, fields: {name.replace("Etag", "ETag"): value for name, value in fields.items()}),
        None,
    ),
    "header-joined": lambda: (headers(last_of("x-repeated")), None),
    "host": lambda: (Rules(facts=Facts(host="twice")), None),
    "content-length": lambda: (
        headers(lambda request, fields: {**fields, "Content-Length": str(len(request.body.decode("utf-8", "ignore")))}),
        None,
    ),
    "forwarded-proto": lambda: (headers(lambda request, fields: {**fields, "X-Forwarded-Proto": "https"}), None),
    "request-reserved": lambda: (headers(last_of("keep-alive")), None),
    "body-types": lambda: (changed_event(base64_of_a_text_type), None),
    "base64-flag": lambda: (
        changed_event(lambda request, event: {**event, "isBase64Encoded": str(event["isBase64Encoded"]).lower()}),
        None,
    ),
    "text-not-utf8": lambda: (changed_event(latin), None),
    "method": lambda: (
        http(lambda request, fields: {**fields, "method": request.method.replace("PATCH", "PUT")}),
        None,
    ),
    "protocol": lambda: (http(lambda request, fields: {**fields, "protocol": "HTTP/2"}), None),
    "source-ip": lambda: (http(lambda request, fields: {**fields, "sourceIp": "unknown"}), None),
    "domain-name": lambda: (context(domainName="other.example", domainPrefix="other"), None),
    "request-id": lambda: (context(requestId="1-other"), None),
    "request-context": lambda: (context(time="now"), None),
    "status": lambda: (responding(other_teapot), None),
    "no-envelope": lambda: (responding(only_plain_results), None),
    "response-headers": lambda: (responding(lambda envelope, response: without(response, "x-two")), None),
    "header-lists": lambda: (Rules(facts=Facts(header_lists="each")), None),
    "content-type-missing": lambda: (responding(only_envelopes_without_type), None),
    "content-type-case": lambda: (Rules(facts=Facts(content_type_case="exact")), None),
    "result-base64": lambda: (responding(true_alone), None),
    "result-not-base64": lambda: (responding(strict_base64), None),
    "result-object": lambda: (responding(broken_object), None),
    "response-reserved": lambda: (responding(with_server), None),
    "connection-headers": lambda: (responding(swallow_te), None),
    "no-body": lambda: (
        responding(lambda envelope, response: response._replace(status=200) if response.status == 204 else response),
        None,
    ),
    "status-1xx": lambda: (responding(send_1xx), None),
    "streaming": lambda: (None, playing(refuses_generators=False)),
    "added-headers": lambda: (finishing(lambda trigger, response: without(response, "date")), None),
    "download": lambda: (finishing(shown), None),
    "custom-download": lambda: (finishing(downloaded), None),
    "custom-disposition": lambda: (Rules(facts=Facts(custom_disposition="dropped")), None),
    "one-cookie": lambda: (responding(cut_at_comma), None),
    "joined-cookies": lambda: (responding(split_cookies), None),
    "several-cookies": lambda: (Rules(facts=Facts(several_cookies="one")), None),
    "limit-target": lambda: (refusing(large_target), None),
    "limit-request-headers": lambda: (refusing(large_headers), None),
    "limit-body": lambda: (refusing(large_body), None),
    "limit-async-body": lambda: (refusing(large_async_body), None),
    "limit-response-headers": lambda: (responding(large_response_headers), None),
    "method-refused": lambda: (Rules(methods=(*METHODS, "PROPFIND")), None),
    "timeout": lambda: (None, TimedOut()),
    "result-size": lambda: (responding(no_large_result), None),
    "error-body": lambda: (finishing(renamed_errors), None),
    "async": lambda: (finishing(accepted_as_200), None),
    "context": lambda: (None, Partial("region")),
    "context-before-3.12": lambda: (None, Partial("credentials")),
    "context-3.12": lambda: (None, Partial("log_store", (3, 12))),
    "environment": lambda: (None, Environment(FC_REGION=False)),
    "environment-role": lambda: (None, Environment(ALIBABA_CLOUD_ACCESS_KEY_ID=True)),
}


# Rules that an HTTP server or client has a part in. The others are broken without a socket.
ON_THE_WIRE = {
    *("limit-request-headers", "limit-target", "one-at-a-time"),
    *("added-headers", "connection-headers", "no-body", "response-reserved", "status-1xx"),
}


@pytest.mark.parametrize("row", BROKEN)
def test_exactly_the_broken_rule_differs(desk, row):
    trigger, instances = BROKEN[row]()
    verdicts, _ = ask(desk, trigger, instances, by_socket=row in ON_THE_WIRE)
    assert named(verdicts, DIFFERS) == {row}, {name: verdicts[name].seen for name in named(verdicts, DIFFERS)}
    assert verdicts[row].evidence


def test_every_rule_is_broken():
    assert {row.name for row in ROWS} - set(BROKEN) == ELSEWHERE
    assert set(BROKEN) >= ON_THE_WIRE


# ---- questions, rows and the page ------------------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "contract.md").read_text("utf-8")


def said_by_the_page():
    """How the page's rules begin: each row of its tables, and each list item about what is lost."""
    for section in re.split(r"^##+ ", PAGE, flags=re.MULTILINE):
        title = section.partition("\n")[0]
        if title in ASIDE:
            continue
        rows = re.findall(r"^\| (.+?) \| .*\|$", section, re.MULTILINE)
        yield from (row for row in rows if row not in ("what", "field of the event", "field of the result", "way"))
        if title.startswith("What a re"):
            yield from re.findall(r"^- (.+)", section, re.MULTILINE)


# Sections of the page that are about something else than what the platform does.
ASIDE = {"The probe", "What each answer would change"}
HEADS = {"question", "limit", "---"}


def test_every_row_of_the_page_has_a_question():
    asked = {question.row for question in QUESTIONS}
    beginnings = [start for row in ROWS if row.name in asked for start in row.said]
    said = [text for text in said_by_the_page() if text not in HEADS]
    assert len(said) > 55
    assert [text for text in said if not any(text.startswith(start) for start in beginnings)] == []


def test_every_row_is_on_the_page_and_has_a_question():
    paragraphs = " ".join(PAGE.split())
    assert [start for row in ROWS for start in row.said if start not in paragraphs] == []
    assert {row.name for row in ROWS} == {question.row for question in QUESTIONS}
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_place_of_a_row_is_there(row):
    path, _, name = row.place.partition(": ")
    found = importlib.import_module("fc_adapter." + path[: -len(".py")].replace("/", "."))
    for part in name.split("."):
        found = getattr(found, part)
    assert row.sure in ("documented", "seen", "inferred", "unknown")
