"""Questions about the call, the limits, the context and the environment: what surrounds requests and responses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from ..contract.response import function_error
from .session import Finding, NotAskedError, Session, asks, is_error

_LONGEST = 30  # seconds of a function's timeout that are waited for


@asks("import")
def imported_once(session: Session) -> Iterator[Finding]:
    counts = [session.tell()["count"] for _ in range(3)]
    yield "an instance serves more than one request", True, max(counts) > 1


@asks("event-bytes")
def event_bytes(session: Session) -> Iterator[Finding]:
    yield "the event's type", "bytes", session.tell()["event_type"]


@asks("one-at-a-time")
def one_at_a_time(session: Session) -> Iterator[Finding]:
    with ThreadPoolExecutor(2) as threads:
        answers = [threads.submit(session.tell, "wait", seconds=0.3) for _ in range(2)]
    yield "most at the same time in an instance", 1, max(answer.result()["most_running"] for answer in answers)


@asks("freezing")
def freezing(session: Session) -> Iterator[Finding]:
    left = session.tell("tick")
    session.pause(1)
    now = session.tell()
    if now["instance"] != left["instance"]:
        raise NotAskedError("the second request came to another instance; ask again")
    yield (
        "ticks of a thread in a second between two requests",
        "0 to 2",
        "0 to 2" if now["ticks"] <= 2 else now["ticks"],
    )


@asks("function-error")
def fails(session: Session) -> Iterator[Finding]:
    response = session.send("fail")
    yield "an exception", (502, function_error().body), (response.status, response.body)


@asks("exit")
def exits(session: Session) -> Iterator[Finding]:
    for do in ("leave", "crash"):
        before = session.tell()["instance"]
        session.send(do)
        yield f"the same instance after '{do}'", False, session.tell()["instance"] == before


@asks("import-error")
def import_error(session: Session) -> Iterator[Finding]:
    raise NotAskedError("the trigger hides it: give a function a handler that is not there, and test it in the console")


@asks("hooks")
def hooks(session: Session) -> Iterator[Finding]:
    yield "requests before the Initializer", 0, session.tell()["initialized"]


@asks("limit-target")
def limit_target(session: Session) -> Iterator[Finding]:
    limit = session.limits["target"]
    yield f"{limit} bytes", limit, len(session.event(target="/" + "x" * (limit - 1))["rawPath"])
    yield f"{limit + 1} bytes", True, is_error(session.send(target="/" + "x" * limit), 400, "InvalidArgument")


@asks("limit-request-headers")
def limit_request_headers(session: Session) -> Iterator[Finding]:
    limit = session.limits["request_headers"]
    size = limit - session.size_of_headers("tell", nonce="01234567")
    at = [("X-Fill", "x" * (size - len("X-Fill: \r\n")))]
    yield f"{limit} bytes", 200, session.send("tell", nonce="01234567", headers=at).status
    above = [("X-Fill", at[0][1] + "x")]
    response = session.send("tell", nonce="01234567", headers=above)
    yield f"{limit + 1} bytes", True, is_error(response, 400, "InvalidArgument")


@asks("limit-body")
def limit_body(session: Session) -> Iterator[Finding]:
    limit = session.limits["body"]
    headers = [("Content-Type", "text/plain")]
    body = session.event(method="POST", headers=headers, body=b"x" * limit)["body"]
    yield f"{limit} bytes", limit, body["length"] if isinstance(body, dict) else len(body)
    response = session.send(method="POST", headers=headers, body=b"x" * (limit + 1))
    yield f"{limit + 1} bytes", True, is_error(response, 400, "InvalidArgument")


@asks("limit-async-body")
def limit_async_body(session: Session) -> Iterator[Finding]:
    limit = session.limits["async_body"]
    headers = [("X-Fc-Invocation-Type", "Async"), ("Content-Type", "text/plain")]
    for size, expected in ((limit, False), (limit + 1, True)):
        response = session.send(method="POST", headers=headers, body=b"x" * size)
        yield f"{size} bytes are refused", expected, is_error(response, 400, "InvalidArgument")


@asks("limit-response-headers")
def limit_response_headers(session: Session) -> Iterator[Finding]:
    limit = session.limits["response_headers"]
    size = limit - len("Content-Type: text/plain\r\nX-Fill: \r\n")
    yield f"{limit} bytes", 200, session.envelope(fill_header=size).status
    yield f"{limit + 1} bytes", True, is_error(session.envelope(fill_header=size + 1), 502, "BadResponse")


@asks("method-refused")
def method_refused(session: Session) -> Iterator[Finding]:
    yield "PROPFIND", 403, session.send(method="PROPFIND").status


@asks("timeout")
def timeout(session: Session) -> Iterator[Finding]:
    seconds = float(session.tell()["timeout"])
    if seconds > _LONGEST:
        raise NotAskedError(f"the function's timeout is {seconds:g} s; give it {_LONGEST} or less")
    yield "status", 502, session.send("wait", seconds=seconds + 2).status


@asks("result-size")
def result_size(session: Session) -> Iterator[Finding]:
    size = session.limits["body"] + 1024
    response = session.envelope(fill_body=size)
    yield f"{size} bytes", (200, size), (response.status, len(response.body))


@asks("error-body")
def error_body(session: Session) -> Iterator[Finding]:
    response = session.send(target="/" + "x" * session.limits["target"])
    yield "keys", {"errorCode", "errorMessage"}, set(json.loads(response.body)) & {"errorCode", "errorMessage"}


@asks("async")
def asynchronous(session: Session) -> Iterator[Finding]:
    response = session.send(headers=[("X-Fc-Invocation-Type", "Async")])
    yield "status", (202, b""), (response.status, response.body)


_IN_ALL = ("account_id", "function", "logger", "region", "request_id")
_OF_THE_FUNCTION = ("handler", "memory", "name", "timeout")


@asks("context")
def context(session: Session) -> Iterator[Finding]:
    names = session.tell()["context"]
    yield "the context lacks", [], [name for name in _IN_ALL if name not in names]
    yield "the function lacks", [], [name for name in _OF_THE_FUNCTION if name not in names.get("function", ())]


@asks("context-before-3.12")
def context_before_312(session: Session) -> Iterator[Finding]:
    told = session.tell()
    if told["python"] >= [3, 12]:
        raise NotAskedError("the function runs Python 3.12 or later")
    yield "the context lacks", [], [name for name in ("credentials", "service") if name not in told["context"]]


@asks("context-3.12")
def context_312(session: Session) -> Iterator[Finding]:
    told = session.tell()
    if told["python"] < [3, 12]:
        raise NotAskedError("the function runs a Python before 3.12")
    names, inner = told["context"], told["context"].get("function", ())
    lacking = [name for name in ("log_project", "log_store") if name not in names]
    yield "the context lacks", [], lacking + [name for name in ("version_id", "qualifier") if name not in inner]
    yield "of the older ones it has", [], [name for name in ("credentials", "service") if name in names]


_VARIABLES = (
    "FC_ACCOUNT_ID",
    "FC_FUNCTION_HANDLER",
    "FC_FUNCTION_MEMORY_SIZE",
    "FC_FUNCTION_NAME",
    "FC_FUNCTION_VERSION",
    "FC_FUNC_CODE_PATH",
    "FC_INSTANCE_ID",
    "FC_REGION",
)
_OF_A_ROLE = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN")


@asks("environment")
def environment(session: Session) -> Iterator[Finding]:
    names = session.tell()["environment"]
    yield "the environment lacks", [], [name for name in _VARIABLES if name not in names]


@asks("environment-role")
def environment_role(session: Session) -> Iterator[Finding]:
    names = session.tell()["environment"]
    yield "of the three variables", True, sum(name in names for name in _OF_A_ROLE) in (0, 3)


@asks("api-gateway-path")
def api_gateway_path(session: Session) -> Iterator[Finding]:
    raise NotAskedError(
        "it takes an API Gateway in front of the function: call it with %2F and look at the event's path"
    )
