"""An invocation to take along: as a curl command, as a test, as an event in a file."""

from __future__ import annotations

import ast
import base64
import builtins
import json
import pprint
import re
import shlex
import textwrap
from typing import Any

from ..config.function import Function
from ..config.target import Target
from ..contract.rules import RESERVED_REQUEST_HEADERS, canonical_name
from ..messages import Request, get_header
from .describe import read_error
from .entry import Entry
from .masking import MASK

_ARGUMENT = 64 * 1024  # bytes of a body that a command line may hold; Linux takes 128 KB for each argument
_EXPECTING = 1024  # bytes of a body from which on curl asks whether the server wants it
_LITERAL = 4096  # characters of a response's body that a test compares literally
_WIDTH = 100


class UnavailableError(Exception):
    """There is no such snippet of this invocation; the argument is the reason, for the page to translate."""


# ---- curl ------------------------------------------------------------------------------------------------------------


def build_curl(entry: Entry, url: str) -> str:
    """The request as a curl command for a POSIX shell, sent to ``url`` (the runner's). It sends the same bytes."""
    request = _whole_request(entry)
    path = entry.path
    words = ["curl", "-sS", "-i"]
    if request.method == "HEAD":
        words.append("-I")
    elif request.method != "GET" or request.body:
        words += ["-X", request.method]
    if re.search(r"/\.\.?(?:/|$)", request.raw_path):
        words.append("--path-as-is")
    if re.search(r"[][{}]", path):
        words.append("--globoff")
    if request.http_version == "1.0":
        words.append("--http1.0")
    lines = [shlex.join([*words, url + path])]
    lines += [f"-H {shlex.quote(header)}" for header in _curl_headers(request, url)]
    if not request.body or request.method == "HEAD":
        return _join_lines(lines)
    text = _as_argument(request.body)
    if text is not None:
        return _join_lines([*lines, f"--data-raw {shlex.quote(text)}"])
    encoded = base64.encodebytes(request.body).decode("ascii")
    return f"base64 -d <<'END' | {_join_lines([*lines, '--data-binary @-'])}\n{encoded}END"


def _join_lines(parts: list[str]) -> str:
    return " \\\n  ".join(parts)


def _curl_headers(request: Request, url: str) -> list[str]:
    """The headers that curl is to send, and those of its own that it is not to send."""
    given = []
    for name, value in request.headers:
        key = name.lower()
        if key == "content-length" or (key == "host" and value == url.partition("//")[2]):
            continue
        given.append(f"{name}: {value}" if value else f"{name};")
    names = {name.lower() for name, _ in request.headers}
    own = ["Accept", "User-Agent"]
    if request.body and request.method != "HEAD":
        own.append("Content-Type")
        if len(request.body) > _EXPECTING:
            own.append("Expect")
    return given + [f"{name}:" for name in own if name.lower() not in names]


def _as_argument(body: bytes) -> str | None:
    """``body`` as a word of a command line, or None where it cannot be one."""
    if len(body) > _ARGUMENT:
        return None
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if all(character.isprintable() or character in "\n\t" for character in text) else None


# ---- the event -------------------------------------------------------------------------------------------------------


def build_event_file(entry: Entry) -> str:
    """The event as JSON, for ``fc-adapter invoke --event``."""
    if entry.exchange is None or entry.exchange.event is None:
        raise UnavailableError("no-event")
    if entry.is_cut("event"):
        raise UnavailableError("cut")
    return json.dumps(entry.exchange.event, indent=2, ensure_ascii=False) + "\n"


# ---- a test ----------------------------------------------------------------------------------------------------------


def build_test(entry: Entry, function: Function, *, handler_kind: str, url: str, custom_domain: bool) -> str:
    """A pytest test that sends the request through ``fc_adapter.testing.Client`` and expects the same answer."""
    request = _whole_request(entry)
    exchange = entry.exchange
    if exchange is None:
        raise UnavailableError("running")
    if exchange.event is None and exchange.response.status != 400:
        raise UnavailableError("refused")
    imports = {"from fc_adapter.testing import Client"}
    setup, client = _test_client(function, handler_kind, custom_domain, imports)
    call = _test_call(entry, url, imports)
    checks = _test_checks(entry, call, imports)
    if exchange.reply is not None and exchange.reply.kind == "aborted":
        raise UnavailableError("aborted")
    title = _docstring(f"{request.method} {entry.path}")
    body = "\n".join([f'"""{title}"""', f"client = {client}", *checks])
    parts = [
        _import_lines(imports, function),
        *setup,
        f"def {_test_name(request)}():\n{textwrap.indent(body, '    ')}\n",
    ]
    return "\n\n\n".join(parts)


def _test_client(
    function: Function, handler_kind: str, custom_domain: bool, imports: set[str]
) -> tuple[list[str], str]:
    """What a test needs before it, and how it makes its client."""
    name = function.handler.attribute if isinstance(function.handler, Target) else "handler"
    handler = name.partition(".")[0]
    options = ""
    setup = []
    if handler_kind == "app":
        imports.add("import fc_adapter")
        name = f"fc_adapter.wrap({name})"
    elif handler_kind == "plain":
        imports.add("from types import SimpleNamespace")
        limits = f"memory={function.memory}, timeout={function.timeout:g}"
        setup.append(
            f"CONTEXT = SimpleNamespace(\n    request_id='test',\n    region={function.region!r},\n"
            f"    function=SimpleNamespace(name={function.name!r}, handler={function.label!r}, {limits}),\n)"
        )
        options += ", context=CONTEXT"
    if custom_domain:
        options += ", custom_domain=True"
    if isinstance(function.handler, Target):
        imports.add(f"from {function.handler.module} import {handler}")
    return setup, f"Client({name}{options})"


def _test_call(entry: Entry, url: str, imports: set[str]) -> str:
    """The call that sends the request."""
    request = entry.request
    host = get_header(request.headers, "host")
    arguments = [repr(entry.path), f"method={request.method!r}", f"base_url={_base_url(request, host, url)!r}"]
    headers = _test_headers(request)
    if headers:
        lines = "".join([f"        ({name!r}, {value!r}),\n" for name, value in headers])
        arguments.append(f"headers=[\n{lines}    ]")
    if request.body:
        arguments.append(f"data={_literal(request.body, imports)}")
    return "client.open(\n" + "".join([f"    {argument},\n" for argument in arguments]) + ")"


def _base_url(request: Request, host: str | None, url: str) -> str:
    usable = host is not None and re.fullmatch(r"[\w.-]+(:\d+)?|\[[0-9a-f:]+\](:\d+)?", host, re.ASCII)
    return f"{request.scheme}://{host}" if usable else url


def _test_headers(request: Request) -> list[tuple[str, str]]:
    """Headers as a WSGI client takes them: repeated ones joined as the gateway does it, text in its bytes' disguise."""
    joined: dict[str, str] = {}
    for name, value in request.headers:
        key = canonical_name(name)
        if key not in ("Host", "Content-Length") and key.lower() not in RESERVED_REQUEST_HEADERS:
            joined[key] = f"{joined[key]},{value}" if key in joined else value
    return [(name, MASK.join(map(_disguise, value.split(MASK)))) for name, value in joined.items()]


def _disguise(text: str) -> str:
    return text.encode("utf-8").decode("latin-1")


def _literal(body: bytes, imports: set[str]) -> str:
    """``body`` as Python source, readable where it is text."""
    text = _as_argument(body)
    if text is not None:
        return repr(text)
    if len(body) <= 100:
        return repr(body)
    imports.add("import base64")
    lines = base64.encodebytes(body).decode("ascii").splitlines()
    return "base64.b64decode(\n" + "".join([f"        {line!r}\n" for line in lines]) + "    )"


def _test_checks(entry: Entry, call: str, imports: set[str]) -> list[str]:
    """The call, and what is expected of it."""
    exchange = entry.exchange
    assert exchange is not None
    reply, response = exchange.reply, exchange.response
    if reply is not None and reply.kind == "error":
        return _error_checks(read_error(reply), call, imports)
    checks = [f"response = {call}", f"assert response.status_code == {response.status}"]
    if exchange.event is None:
        return checks  # The reason counts bytes, which another client's headers have others of.
    checks.append(f"assert response.headers['Content-Type'] == {get_header(response.headers, 'content-type')!r}")
    if exchange.event["queryParameters"]:
        checks.append(f"assert response.event['queryParameters'] == {_format(exchange.event['queryParameters'])}")
    if exchange.request.method != "HEAD":
        checks.append(_body_check(entry, response.body))
    return checks


def _error_checks(error: dict[str, Any], call: str, imports: set[str]) -> list[str]:
    message, kind = error.get("errorMessage", ""), error.get("errorType")
    if kind is None or kind == "ImportModuleError":
        comment = "".join(each if each.isprintable() else " " for each in message)[:_WIDTH]
        return [f"response = {call}", f"assert response.status_code < 500  # it was: {comment}"]
    imports.add("import pytest")
    found = getattr(builtins, kind, None)
    name = kind if isinstance(found, type) and issubclass(found, Exception) else "Exception"
    match = ""
    if message:
        imports.add("import re")
        match = f", match=re.escape({message.splitlines()[0][:_WIDTH]!r})"
    return [f"with pytest.raises({name}{match}):", textwrap.indent(call, "    ")]


def _body_check(entry: Entry, body: bytes) -> str:
    if entry.is_cut("response") or entry.has_masked_response or len(body) > _LITERAL:
        return f"assert len(response.data) == {entry.sizes['response']}"
    try:
        literal = _format(json.loads(body))
        ast.literal_eval(literal)  # Python's JSON has NaN, and what nests too deep for its parser
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        text = _as_argument(body)
        return f"assert response.data == {body!r}" if text is None else f"assert response.text == {text!r}"
    return f"assert response.json == {literal}"


def _format(value: Any) -> str:
    return pprint.pformat(value, width=_WIDTH - 24, sort_dicts=False)


def _docstring(text: str) -> str:
    """``text`` between three quotes: it is percent-encoded ASCII, but a backslash or a quote may be in it."""
    return text[:_WIDTH].replace("\\", "\\\\").replace('"', '\\"')


def _test_name(request: Request) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", f"{request.method}_{request.raw_path}".lower()).strip("_")
    return f"test_{words[:60]}".rstrip("_")


_STANDARD = ("import base64", "import re", "from types import SimpleNamespace")


def _import_lines(imports: set[str], function: Function) -> str:
    """The imports in groups: the standard library, packages, the function's own."""
    own = f"from {function.handler.module} " if isinstance(function.handler, Target) else "\0"
    groups: list[list[str]] = [[], [], []]
    for line in sorted(imports, key=lambda line: (line.startswith("from"), line)):
        groups[0 if line in _STANDARD else 2 if line.startswith(own) else 1].append(line)
    return "\n\n".join(["\n".join(group) for group in groups if group])


def _whole_request(entry: Entry) -> Request:
    """The request, if it can be sent once more."""
    if not entry.is_whole:
        raise UnavailableError("malformed")
    if entry.is_cut("request"):
        raise UnavailableError("cut")
    return entry.request
