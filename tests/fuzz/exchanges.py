"""Exchanges with anything in them, read out of bytes, and what must hold where they are shown or kept."""

from __future__ import annotations

import base64
import gzip
import json
import re
import stat
import tempfile
from pathlib import Path

from fc_adapter.config.function import Function
from fc_adapter.config.target import Target
from fc_adapter.contract.trigger import Trigger, read_request
from fc_adapter.errors import ConfigError
from fc_adapter.inspector.app import App
from fc_adapter.inspector.history import History
from fc_adapter.inspector.masking import MASK
from fc_adapter.inspector.roster import Roster
from fc_adapter.messages import Response
from fc_adapter.runner.gateway import Gateway
from fc_adapter.runner.life import Reply
from fc_adapter.runner.observer import Observer
from fc_adapter.runner.record import Comparison, Recorder, read_record
from tests.fuzz.choices import CODES, NAMES, VALUES
from tests.support.inspecting import JSON_HEADERS, TOKEN, AuthorizedClient

SECRET = "key-of-the-account"  # of the environment
THEIRS = "key-of-the-client"
METHODS = ("GET", "POST", "PUT", "HEAD")
WORDS = [SECRET, THEIRS, MASK, "?", "/", "%", "=", ";", "&", " ", '"', "\\", "\r\n", "--x"]
SECRET_NAMES = ["Authorization", "Cookie", "Set-Cookie", "X-Api-Key", "Host", SECRET]
TYPES = [
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "application/json",
    "image/png",
    "text/plain; charset=utf-16",
    f"text/{SECRET}",
]
DEPTHS = [1, 100, 330, 490, 900, 990, 5000, 20_000]
PART = '--x\r\nContent-Disposition: form-data; name="{0}"; filename="{0}"\r\nContent-Type: {0}\r\n\r\n{0}\r\n--x--\r\n'


def _phrase(choices):
    """Text with secrets in it."""
    return "".join(choices.several(lambda: choices.pick(WORDS) if choices.number(4) else choices.text()))


def _body(choices):
    """Bytes of any kind, with secrets in them."""
    phrase = _phrase(choices).encode("utf-8", "surrogatepass")
    depth = choices.pick(DEPTHS)
    return choices.pick(
        [
            lambda: phrase,
            lambda: choices.binary() + phrase,
            lambda: b"\x89PNG\r\n\x1a\n" + phrase,
            lambda: gzip.compress(phrase, mtime=0),
            lambda: PART.format(phrase.decode("utf-8", "replace")).encode(),
            lambda: b"[" * depth + phrase + b"]" * depth,
            lambda: b"[" * depth + b"]" * depth,
            lambda: json.dumps([phrase.decode("utf-8", "replace"), float("nan")]).encode(),
        ]
    )()


def _headers(choices):
    return [
        (
            choices.pick([*NAMES, *SECRET_NAMES]),
            choices.pick([*VALUES, *TYPES]) if choices.number(3) else _phrase(choices),
        )
        for _ in range(choices.number(6))
    ]


def _result(choices):
    """What a handler has returned, or a function has written in its place."""
    if choices.number(4) == 3:
        return _body(choices)
    body = _body(choices)
    envelope = {
        "statusCode": choices.mostly(lambda: choices.pick(CODES)),
        "headers": choices.mostly(
            lambda: {name: choices.mostly(lambda value=value: value) for name, value in _headers(choices)}
        ),
        "isBase64Encoded": choices.mostly(lambda: choices.number(2) == 1),
        "body": choices.mostly(
            lambda: base64.b64encode(body).decode() if choices.number(2) else body.decode("utf-8", "replace")
        ),
    }
    if choices.number(8) == 7:
        del envelope[choices.pick(list(envelope))]
    try:
        data = json.dumps(envelope, default=repr, skipkeys=True)
    except ValueError:  # a number that Python refuses to write
        return b""
    nested = choices.pick(DEPTHS)
    if choices.number(8) == 7:
        name = choices.pick(["statusCode", "headers", "isBase64Encoded", "body", "Content-Type"])
        data = re.sub(f'"{name}": [^,}}]+', lambda _: f'"{name}": {"[" * nested}{"]" * nested}', data, count=1)
    return data.encode("ascii")


def _report(choices):
    """What a Tap reports, or a function has written in its place."""
    report = {
        "status": choices.mostly(lambda: choices.pick(CODES)),
        "headers": choices.mostly(lambda: choices.several(lambda: choices.mostly(lambda: ["A", _phrase(choices)]))),
        "size": choices.mostly(lambda: choices.number(256)),
        "background": choices.mostly(lambda: choices.pick([None, 0.5])),
    }
    try:
        return json.loads(json.dumps(choices.mostly(lambda: report), default=repr, skipkeys=True))
    except ValueError:
        return None


def _error(choices):
    message = json.dumps(
        {"errorMessage": _phrase(choices), "errorType": choices.pick(["ValueError", _phrase(choices)])}
    )
    return message.encode("ascii") if choices.number(3) else _body(choices)


class _Instances:
    """A pool whose instances give one reply."""

    def __init__(self, reply):
        self._reply = reply

    def run(self, event, request_id, is_wanted=None):
        return self._reply


def _reply(choices):
    kind = choices.pick(["result", "result", "error", "aborted"])
    if kind == "aborted":
        return Reply.aborted(_phrase(choices))
    return Reply(
        kind,
        _error(choices) if kind == "error" else _result(choices),
        "c-1",
        traceback=_phrase(choices) or None,
        spans=(("handler", 1.0, 2.0),),
        report=_report(choices),
    )


class _Seen(Observer):
    """Calls functions."""

    def __init__(self, ended=None, began=None):
        if ended is not None:
            self.ended = ended
        if began is not None:
            self.began = began


def pass_through(choices, *, observe, begin=None):
    """Send a request through a gateway, as a client would; return whether it was one."""
    trigger = Trigger(METHODS, custom_domain=choices.number(2) == 1)
    gateway = Gateway(_Instances(_reply(choices)), trigger, _Seen(observe, begin))
    method = choices.pick([*METHODS, SECRET])
    headers = [("Authorization", f"Bearer {THEIRS}"), *_headers(choices)]
    target = f"/{_phrase(choices)}"
    try:
        request = read_request(method, target, headers, _body(choices), scheme="http", client="127.0.0.1")
    except ValueError as error:
        path = target.partition("?")[0].encode("ascii", "backslashreplace").decode()
        gateway.refuse(str(error), method, path if path.isprintable() else "", "127.0.0.1")
        return False
    gateway.handle(request, "1-a")
    return True


# ---- the inspector ---------------------------------------------------------------------------------------------------


def check_inspector(choices):
    """Each answer of the inspector is an answer, and has no secret in it but those that were asked for."""
    history = History(10)
    is_request = pass_through(choices, observe=history.end, begin=history.begin)
    [entry] = history.entries()
    for line in (_phrase(choices) for _ in range(choices.number(3))):
        history.log("c-1", f"FC Invoke Start RequestId: {entry.request_id}\n".encode())
        history.log("c-1", line.encode("utf-8", "surrogatepass"))
    app = App(
        function=Function(handler=Target(Path("code"), "index", "handler"), runtime=(3, 12)),
        gateway=Gateway(_Instances(Reply("result", b"", "c-1")), Trigger(), _Seen(began=history.begin)),
        pool=None,
        history=history,
        roster=Roster(),
        url="http://127.0.0.1:9000",
        token=TOKEN,
        custom_domain=False,
        environment={"ACCESS_KEY_SECRET": SECRET},
        facts={},
    )
    client = AuthorizedClient(app)
    stream = client.get("/api/live").response
    _check_answer(next(iter(stream)).removeprefix(b"data: "), (SECRET,))
    stream.close()
    for reveal in (0, 1):
        secrets = (SECRET,) if reveal or not is_request else (SECRET, THEIRS)
        repeated = f"/diff/{entry.request_id}"
        for path in ("", "/request", "/curl", "/test", "/event", "/har", repeated, "/image/request", "/image/response"):
            answer = client.get(f"/api/invocations/{entry.request_id}{path}?reveal={reveal}")
            assert answer.status_code in (200, 404, 409), answer.text
            _check_answer(answer.data, secrets)
            if path == "/test" and answer.status_code == 200:
                compile(answer.text, "test.py", "exec")
            if path == "/request" and is_request:
                sent = _send(client, {**answer.json, "origin": entry.request_id})
                again = history.find(sent.json["id"]).request
                assert _without_length(again) == _without_length(entry.request)
    fields = {
        "method": choices.mostly(lambda: choices.pick(METHODS)),
        "target": choices.mostly(lambda: f"/{_phrase(choices)}"),
        "headers": choices.mostly(lambda: choices.several(lambda: choices.mostly(lambda: ["A", _phrase(choices)]))),
        "body": choices.mostly(lambda: {choices.pick(["text", "base64"]): choices.mostly(choices.text)}),
        "origin": choices.mostly(lambda: choices.pick([None, entry.request_id])),
        "reveal": choices.mostly(lambda: True),
    }
    assert _send(client, choices.mostly(lambda: fields)).status_code in (202, 400)


def _send(client, fields):
    try:
        data = json.dumps(fields, default=repr, skipkeys=True)
    except ValueError:
        data = ""
    return client.post("/api/requests", data=data, headers=JSON_HEADERS)


def _without_length(request):
    return request._replace(headers=tuple(each for each in request.headers if each[0].lower() != "content-length"))


def _check_answer(data, secrets):
    text = data.decode("utf-8", "replace")
    if text.startswith("{"):
        texts = _texts(json.loads(text, parse_constant=_refuse_constant))
    else:
        texts = [text, *map(_decoded, re.findall("^ *'?([A-Za-z0-9+/]{4,}=*)'?$", text, re.MULTILINE))]
    assert [each for each in texts for secret in secrets if secret in each] == []


def _refuse_constant(name):
    raise AssertionError(f"{name} is not JSON: the page could not read it")


def _texts(value):
    """Each text in a JSON value, and what those stand for that are Base64."""
    texts = []
    values = [value]
    while values:
        value = values.pop()
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, list):
            values += value
        elif isinstance(value, dict):
            values += [*value, *value.values()]
            name = "body" if value.get("isBase64Encoded") in (True, "true") else "sample"
            texts += [_decoded(each) for each in (value.get(name), value.get("base64")) if isinstance(each, str)]
    return texts


def _decoded(text):
    """What ``text`` stands for if it is Base64, which may be cut off, as latin-1."""
    try:
        return base64.b64decode(text[: len(text) // 4 * 4]).decode("latin-1")
    except ValueError:
        return ""


# ---- records ---------------------------------------------------------------------------------------------------------


def check_record(choices):
    """An exchange is kept whole, for its owner alone; any other file is a record or a ConfigError."""
    with tempfile.TemporaryDirectory() as directory:
        if choices.number(2):
            _check_file(Path(directory, "file.json"), choices.rest())
            return
        exchanges = []
        pass_through(choices, observe=exchanges.append)
        [exchange] = exchanges
        Recorder(Path(directory), custom_domain=False).write(exchange)
        files = list(Path(directory).iterdir())
        if exchange.reply is None or exchange.reply.kind == "aborted":
            assert files == []
            return
        [file] = files
        assert file.suffix == ".json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        record = read_record(file)
        assert record["event"] == exchange.event
        assert list(Comparison().differences(record["response"], exchange.response)) == []
        assert (
            list(
                Comparison().differences(
                    record["response"], exchange.response._replace(body=exchange.response.body + b"x")
                )
            )
            != []
        )


def _check_file(file, data):
    file.write_bytes(data)
    try:
        record = read_record(file)
    except ConfigError as error:
        assert str(file) in str(error)
        assert len(str(error)) < 1000
    else:
        json.dumps(record["event"], ensure_ascii=False).encode("utf-8")
        list(Comparison().differences(record["response"], Response(200, (("A", "b"),), b"\xff")))
