"""One request in the shapes that it has on each platform and in each interface."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from io import BytesIO
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import urlencode

HOST = "demo.cn-hangzhou.fcapp.run"
CLIENT = "11.11.11.11"
REQUEST_ID = "1-64f6cd87-15ab3b2d-0b5d8f7d1a2d"

# What both platforms' runtimes pass beside the event.
CONTEXT = SimpleNamespace(
    request_id=REQUEST_ID,
    aws_request_id=REQUEST_ID,
    function=SimpleNamespace(name="web", handler="index.handler", memory=512, timeout=60),
    region="cn-hangzhou",
    account_id="1234567890123456",
)


class Request(NamedTuple):
    """A request as the client sends it; header names in the canonical form."""

    name: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


def _post(body: bytes, content_type: str, name: str) -> Request:
    return Request(
        name,
        "POST",
        "/items",
        {"parameter1": "value1", "parameter2": "a b"},
        {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate, br",
            "Content-Length": str(len(body)),
            "Content-Type": content_type,
            "Cookie": "session=5f2b8f3c9d1e4a6b; theme=dark",
            "Host": HOST,
            "User-Agent": "PostmanRuntime/7.32.3",
            "X-Forwarded-Proto": "https",
        },
        body,
    )


JSON_POST = _post('{"message":"你好 FC!","count":3}'.encode(), "application/json", "JSON POST")
HTML_GET = Request(
    "HTML GET",
    "GET",
    "/pages/hello",
    {"page": "2"},
    {
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8",
        "Cookie": "session=5f2b8f3c9d1e4a6b; theme=dark; seen=1",
        "Host": HOST,
        "Referer": f"https://{HOST}/pages",
        "Sec-Fetch-Dest": "document",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Site": "same-origin",
        "Upgrade-Insecure-Requests": "1",
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "X-Forwarded-Proto": "https",
    },
    b"",
)


def upload(body: bytes, content_type: str) -> Request:
    """A POST of any ``body``."""
    return _post(body, content_type, f"POST of {len(body)} bytes")


def with_header(request: Request, name: str, value: str) -> Request:
    """``request`` with one more header."""
    return request._replace(headers={**request.headers, name: value})


def fc_event(request: Request) -> bytes:
    """The event of an HTTP trigger of Function Compute 3.0."""
    body, is_base64 = _event_body(request, empty_is_base64=True)
    return _dump(
        {
            "version": "v1",
            "rawPath": request.path,
            "headers": request.headers,
            "queryParameters": request.query,
            "body": body,
            "isBase64Encoded": is_base64,
            "requestContext": {
                "accountId": "1234567890123456",
                "domainName": HOST,
                "domainPrefix": "demo",
                "http": _http(request),
                "requestId": REQUEST_ID,
                "time": "2023-09-05T06:41:11Z",
                "timeEpoch": "1693896071895",
            },
        }
    )


def aws_event(request: Request) -> bytes:
    """The event of an AWS HTTP API with payload 2.0: names in lower case, cookies on their own."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    cookies = headers.pop("cookie").split("; ")
    body, is_base64 = _event_body(request, empty_is_base64=False)
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": urlencode(request.query),
        "cookies": cookies,
        "headers": headers,
        "queryStringParameters": request.query,
        "requestContext": {
            "accountId": "1234567890123456",
            "apiId": "demo",
            "domainName": HOST,
            "domainPrefix": "demo",
            "http": _http(request),
            "requestId": REQUEST_ID,
            "routeKey": "$default",
            "stage": "$default",
            "time": "05/Sep/2023:06:41:11 +0000",
            "timeEpoch": 1693896071895,
        },
        "isBase64Encoded": is_base64,
    }
    if body:
        event["body"] = body
    return _dump(event)


def environ_of(request: Request) -> dict[str, Any]:
    """A WSGI environ, complete but for ``wsgi.input``, which only serves once."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": urlencode(request.query),
        "SERVER_NAME": HOST,
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": CLIENT,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return environ


def scope_of(request: Request) -> dict[str, Any]:
    """An ASGI scope."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "https",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": urlencode(request.query).encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers.items()],
        "client": (CLIENT, 0),
        "server": (HOST, 443),
        "state": {},
    }


def call_wsgi(app: Any, environ: dict[str, Any], body: bytes) -> tuple[int, bytes]:
    """Call a WSGI app with a ready environ, as directly as can be, and give its status and body."""
    statuses: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        statuses.append(status)

    iterable = app({**environ, "wsgi.input": BytesIO(body)}, start_response)
    answer = b"".join(iterable)
    if hasattr(iterable, "close"):
        iterable.close()
    return int(statuses[-1][:3]), answer


async def call_asgi(app: Any, scope: dict[str, Any], body: bytes) -> tuple[int, bytes]:
    """Call an ASGI app with a ready scope, as directly as can be, and give its status and body."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        return await asyncio.get_running_loop().create_future()  # the client stays; frameworks cancel this

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(dict(scope), receive, send)
    return sent[0]["status"], b"".join([message.get("body", b"") for message in sent])


def read_answer(result: dict[str, Any]) -> tuple[int, bytes]:
    """Status and body of a handler's result, on either platform."""
    body = result["body"]
    return result["statusCode"], base64.b64decode(body) if result["isBase64Encoded"] else body.encode()


def _event_body(request: Request, *, empty_is_base64: bool) -> tuple[str, bool]:
    content_type = request.headers.get("Content-Type", "")
    if content_type.startswith(("text/", "application/json")):
        return request.body.decode(), False
    if not request.body:
        return "", empty_is_base64
    return base64.b64encode(request.body).decode(), True


def _http(request: Request) -> dict[str, str]:
    return {
        "method": request.method,
        "path": request.path,
        "protocol": "HTTP/1.1",
        "sourceIp": CLIENT,
        "userAgent": request.headers["User-Agent"],
    }


def _dump(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
