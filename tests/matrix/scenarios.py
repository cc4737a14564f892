"""What the matrix sends to every app: requests by name."""

from __future__ import annotations

from ..apps.content import COMPRESSED, ETAG, EVERY_BYTE, LARGE, METHODS
from .exchange import HttpRequest, http

BOTH = ("GET", "HEAD")


def get_and_head(*paths):
    """A GET and a HEAD of each path, by name."""
    return {f"{method} {path}": http(method, path) for path in paths for method in BOTH}


def form(body):
    return http("POST", "/echo", ("Content-Type", "application/x-www-form-urlencoded"), body=body)


def post(content_type, body, *headers, target="/echo"):
    return http("POST", target, ("Content-Type", content_type), *headers, body=body)


def multipart(*parts):
    """A POST of ``(Content-Disposition parameters, Content-Type or None, content)``."""
    lines = []
    for parameters, content_type, content in parts:
        lines += ["--frontier", f"Content-Disposition: form-data; {parameters}"]
        lines += [f"Content-Type: {content_type}"] if content_type else []
        lines += ["", content]
    body = b"\r\n".join(line if isinstance(line, bytes) else line.encode() for line in [*lines, "--frontier--", ""])
    return post("multipart/form-data; boundary=frontier", body)


ECHO_METHODS = {f"method {method}": http(method, "/echo") for method in METHODS}

PATHS = {
    f"path {path}": http("GET", path)
    for path in (
        "/",
        "/items/%E4%BD%A0%E5%A5%BD",
        "/items/%e4%bd%a0",
        "/items/a%2Fb",
        "/items/a%2fb/c",
        "/items/%2F",
        "/items/a%2Bb",
        "/items/a+b",
        "/items/100%25",
        "/items/%252F",
        "/items/a%20b",
        "/items/%20",
        "/items/a/",
        "/items/a//b",
        "/items//",
        "/items/",
        "/items",
        "/items/a;v=1;w/b;c",
        "/items/user@host:80,x!$&'()*=~",
        "/items/%3F%23%3B%40",
        '/items/"<>\\^`{|}[]',
        "/items/a/./b/../c",
        "/items/../echo",
        "/items/%2E%2E/echo",
        "/items/a%0D%0Ab%09",
        "/items/%00",
        "/items/%",
        "/items/%zz%4",
        "/items/%ff%fe",
        "/items/%C4%E3",
        "/items/%ED%A0%80",
        "/items/%F0%9D%84%9E",
        "/items/http://other.example/",
        "//",
        "//items/a",
        "//other.example/items/a",
        "/echo/",
        "/echo//",
        "/Echo",
        "/folder",
        "/folder/",
        "/folder//",
        "/leaf",
        "/leaf/",
        "/numbers/42",
        "/numbers/-1",
        "/numbers/x",
        "/%E7%BC%BA",
    )
}
PATHS["path of every byte"] = http("GET", "/items/" + "".join(f"%{byte:02X}" for byte in EVERY_BYTE))
PATHS["path of every byte, in segments"] = http("GET", "/items/" + "/".join(f"%{byte:02x}" for byte in EVERY_BYTE))
PATHS["path, long"] = http("GET", "/items/" + "x" * 3000)
PATHS["path without its slash, POST"] = http("POST", "/folder", body=b"lost or not")

QUERIES = {
    f"query {query}": http("GET", f"/echo?{query}")
    for query in (
        "",
        "a=1",
        "a=1&a=2&a=3",
        "a=1&b=2&a=3",
        "a=&b=1",
        "a=%E4%BD%A0%E5%A5%BD&%E9%94%AE=%E5%80%BC",
        "a=1%202",
        "a=1+2",
        "a=1%2B2",
        "a=%26b%3D1&c%3D=d",
        "a=b=c",
        "a=1,2",
        "a=1%2C2",
        "a=1,2&a=3",
        "a",
        "a&b=1&",
        "&&a=1",
        "=1",
        "a=1;b=2",
        "a=?b=/c",
        "a=%3F%23",
        "a=%F0%9D%84%9E%00%0D%0A",
        "a=%zz&b=%",
        "a=%ff",
        "a=%C4%E3",
        "a[]=1&a%5B%5D=2",
        "a.b=~-_.!*'()",
        'a="<>\\^`{|}',
    )
}
QUERIES["query, long"] = http("GET", "/echo?a=" + "x" * 3000)
QUERIES["query of a redirect"] = http("GET", "/folder?next=%2F")

BODIES = {
    "body, empty": http("POST", "/echo", body=b""),
    "body of a form": form(b"name=%E4%BD%A0&name=b,c&empty=&plus=a+b&escaped=%2B%26%3D%20&bare"),
    "body of a form, raw UTF-8": form("你=好&a=é".encode()),
    "body of a form, GBK": form(b"a=%C4%E3&b=\xc4\xe3"),
    "body of a form, PUT": form(b"a=1")._replace(method="PUT"),
    "body of a form, empty": form(b""),
    "body of JSON": post("application/json", '{"你": ["好", "\\u00e9", "𝄞", null]}'.encode()),
    "body of JSON, charset": post("application/json; charset=utf-8", b'{"a": 1.0}'),
    "body of JSON, BOM": post("application/json", '\ufeff{"a": 1}'.encode()),
    "body of JSON, broken": post("application/json", b'{"a": '),
    "body of JSON, PATCH": http(
        "PATCH", "/echo", ("Content-Type", "application/merge-patch+json"), body=b'{"a": null}'
    ),
    "body of JSON, invalid UTF-8": post("application/json", b'{"a": "\xc4\xe3\xff"}'),
    "body of JSON, compressed": post("application/json", COMPRESSED, ("Content-Encoding", "gzip")),
    "body of text": post("text/plain; charset=utf-8", "a\r\nb\0\u2028 é 𝄞 \ufffd".encode()),
    "body of text, GBK": post("text/plain; charset=gbk", "你好".encode("gbk")),
    "body of text, capitals": post("TEXT/Plain", "你好".encode()),
    "body of XML": post("application/xml", '<?xml version="1.0"?><a>你</a>'.encode()),
    "body of a +json type": post("application/vnd.api+json", '{"你": 1}'.encode()),
    "body, binary": post("application/octet-stream", EVERY_BYTE),
    "body, binary as GET": post("application/octet-stream", EVERY_BYTE)._replace(method="GET"),
    "body, binary as DELETE": post("application/octet-stream", EVERY_BYTE)._replace(method="DELETE"),
    "body, invalid UTF-8": post("application/octet-stream", b"\xc3\x28 \xed\xa0\x80 \xf8"),
    "body without a type": http("POST", "/echo", body=b"\xff untyped"),
    "body with an empty type": post("", b"{}"),
    "body in chunks": HttpRequest(
        "POST",
        "/echo",
        http("POST", "/echo", ("Content-Type", "text/plain"), ("Transfer-Encoding", "chunked")).headers,
        "分块".encode(),
    ),
    "body, large": post("application/octet-stream", LARGE),
    "body, large text": post("text/plain", "大".encode() * 400_000),
    "body of multipart": multipart(
        ('name="title"', None, "标题"),
        ('name="tag"', None, "a"),
        ('name="tag"', "text/plain; charset=utf-8", "b,c"),
        ('name="file"; filename="你好.txt"', "text/plain", "内容"),
        ('name="file"; filename="a \\"b\\".bin"', "application/octet-stream", EVERY_BYTE),
        ('name="star"; filename="x"; filename*=UTF-8\'\'%E4%BD%A0%E5%A5%BD.png', "image/png", EVERY_BYTE[::-1]),
        ('name="empty"; filename="empty.txt"', "text/plain", ""),
        ('name="none"; filename=""', "application/octet-stream", ""),
        ('name="键"; filename="../../etc/passwd"', None, b"\r\n--front\r\n"),
    ),
    "body of multipart, large file": multipart(('name="file"; filename="large"', "application/zip", LARGE)),
    "body of multipart, no part": post("multipart/form-data; boundary=frontier", b"--frontier--\r\n"),
}

HEADERS = {
    "header Cookie": http("GET", "/echo", ("Cookie", 'a=1; b="x y"; c=%E4%BD%A0; a=2; bare; d=')),
    "header Cookie, UTF-8": http("GET", "/echo", ("Cookie", "a=你; b=2")),
    "header Cookie, twice": http("GET", "/echo", ("Cookie", "a=1"), ("Cookie", "b=2")),
    "header Authorization": http("GET", "/echo", ("Authorization", "Basic dTrwn5iAOsOp")),
    "header Authorization, digest": http("GET", "/echo", ("Authorization", 'Digest username="a, b", qop=auth')),
    "header in UTF-8": http("GET", "/echo", ("X-Text", "你好, é 𝄞 \x85")),
    "header in Latin-1": http("GET", "/echo", ("X-Text", b"caf\xe9 \xa0")),
    "header, repeated": http("GET", "/echo", ("X-A", "1"), ("X-B", "2"), ("x-a", "3, 4"), ("X-A", "")),
    "header, empty": http("GET", "/echo", ("X-Empty", ""), ("X-Inner", "a  b\tc")),
    "header with underscores": http("GET", "/echo", ("X_Under", "1"), ("X-Under", "2"), ("X_Forwarded_Proto", "http")),
    "header in odd letter case": http("GET", "/echo", ("x-LOWER-Upper", "1"), ("ETag", "2"), ("DNT", "1")),
    "header with an odd name": http("GET", "/echo", ("X!#$%&'*+.^`|~9", "1"), ("-X--Y-", "2")),
    "header of every printable character": http("GET", "/echo", ("X-Text", bytes(range(0x21, 0x7F)))),
    "header Expect": http("POST", "/echo", ("Expect", "100-continue"), body=b"expected"),
    "header, long": http("GET", "/echo", ("X-Long", "x" * 7000)),
    "headers of a browser": http(
        "GET",
        "/echo",
        ("User-Agent", "Mozilla/5.0 (X11; Linux) é"),
        ("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
        ("Accept-Encoding", "gzip, deflate, br"),
        ("Accept-Language", "zh-CN,zh;q=0.9"),
        ("If-Modified-Since", "Tue, 01 Jan 2030 12:00:00 GMT"),
        ("Origin", "https://other.example"),
        ("Referer", "https://example.com/%E4%BD%A0?a=b#c"),
        ("Proxy", "http://evil.example"),
    ),
    "headers of a proxy": http(
        "GET",
        "/echo",
        ("X-Forwarded-For", "1.2.3.4, 5.6.7.8"),
        ("X-Forwarded-Host", "other.example"),
        ("X-Forwarded-Port", "8443"),
        ("X-Forwarded-Prefix", "/prefix"),
        ("X-Real-Ip", "1.2.3.4"),
        ("Forwarded", "for=1.2.3.4;proto=http"),
    ),
    "headers of one connection": http(
        "GET", "/echo", ("Connection", "keep-alive"), ("Keep-Alive", "timeout=5"), ("TE", "trailers")
    ),
    "header of the platform": http("GET", "/echo", ("X-Fc-Custom", "1")),
    "Host with a port": http("GET", "/echo", host="example.com:8443"),
    "Host in capitals": http("GET", "/echo", host="Example.COM"),
    "Host is an IPv4 address": http("GET", "/echo", host="127.0.0.1:80", scheme="http"),
    "Host is an IPv6 address": http("GET", "/echo", host="[::1]:8000"),
    "Host is invalid": http("GET", "/echo", host="a_b.example"),
    "scheme http": http("GET", "/echo", scheme="http"),
    "scheme http, default port": http("GET", "/folder", host="example.com:80", scheme="http"),
    "scheme https, default port": http("GET", "/folder", host="example.com:443"),
}

ECHOED = {**ECHO_METHODS, **PATHS, **QUERIES, **BODIES, **HEADERS}

ANSWERED = {
    **get_and_head(
        "/redirect/relative",
        "/redirect/absolute",
        "/redirect/built",
        "/cookies",
        "/headers",
        "/long-headers",
        "/no-content",
        "/etag",
        "/error",
        "/missing",
        "/bytes",
        "/gbk",
        "/compressed",
        "/empty",
        "/stream",
        "/large",
        "/download",
        "/json",
        "/untyped",
        "/untyped-empty",
    ),
    "redirect built for a port": http("GET", "/redirect/built", host="example.com:8443", scheme="http"),
    "method not allowed": http("POST", "/download", body=b"a=1"),
    "OPTIONS of a route": http("OPTIONS", "/download"),
    "etag that matches": http("GET", "/etag", ("If-None-Match", f'"{ETAG}"')),
    "etag that matches, HEAD": http("HEAD", "/etag", ("If-None-Match", f'"other", "{ETAG}"')),
    "etag that does not match": http("GET", "/etag", ("If-None-Match", '"other"')),
    "etag precondition failed": http("PUT", "/etag", ("If-Match", '"other"')),
    "range": http("GET", "/download", ("Range", "bytes=100-199")),
    "range beyond the end": http("GET", "/download", ("Range", "bytes=300-")),
}

MOUNTED = {
    f"mounted {path}": http("GET", path)
    for path in (
        "/api",
        "/api/",
        "/api//echo",
        "/api/api/echo",
        "/api/echo?a=1",
        "/api/folder",
        "/api/items/a%2Fb%2520/",
        "/api/items/%E4%BD%A0",
        "/api/missing",
        "/api/redirect/built",
        "/api/redirect/relative",
    )
}

BYTE_PATHS = {f"path with %{byte:02x}": http("GET", f"/items/a%{byte:02x}b") for byte in EVERY_BYTE}
BYTE_QUERIES = {f"query with %{byte:02x}": http("GET", f"/echo?a%{byte:02x}=%{byte:02x}b") for byte in EVERY_BYTE[:128]}
