"""What people write when they have no adapter: the sixty lines, plain but correct for ordinary requests."""

from __future__ import annotations

import base64
import json
import sys
from io import BytesIO
from urllib.parse import unquote, urlencode

TEXT = ("text/", "application/json", "application/xml", "application/javascript")


def make_handler(app):
    """A handler of Function Compute 3.0 for a WSGI app."""

    def handler(event, context):
        event = json.loads(event)
        status_code = None
        response_headers = []

        def start_response(status, headers, exc_info=None):
            nonlocal status_code, response_headers
            status_code, response_headers = int(status.split()[0]), headers

        iterable = app(make_environ(event, context), start_response)
        try:
            body = b"".join(iterable)
        finally:
            if hasattr(iterable, "close"):
                iterable.close()
        return make_result(status_code, dict(response_headers), body)

    return handler


def make_environ(event, context):
    body = event.get("body") or ""
    body = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode("utf-8")
    http = event["requestContext"]["http"]
    headers = event.get("headers") or {}
    environ = {
        "REQUEST_METHOD": http["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(event["rawPath"], "latin-1"),
        "QUERY_STRING": urlencode(event.get("queryParameters") or {}),
        "SERVER_NAME": headers.get("Host", "localhost"),
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": http.get("protocol", "HTTP/1.1"),
        "REMOTE_ADDR": http.get("sourceIp", ""),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": headers.get("X-Forwarded-Proto", "https"),
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "fc.context": context,
    }
    for name, value in headers.items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_CONTENT_LENGTH", None)
    return environ


def make_result(status_code, headers, body):
    content_type = headers.get("Content-Type", "")
    if content_type.startswith(TEXT) and "Content-Encoding" not in headers:
        text, is_base64 = body.decode("utf-8"), False
    else:
        text, is_base64 = base64.b64encode(body).decode("ascii"), True
    return {"statusCode": status_code, "headers": headers, "isBase64Encoded": is_base64, "body": text}
