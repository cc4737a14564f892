"""What ``docs/contract.md`` says, as rows of a report: how sure that is, and where it stands in the code."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One rule of the contract.

    - ``name``: its name in a report.
    - ``rule``: what the platform does, in a few words.
    - ``sure``: ``"documented"``, ``"seen"``, ``"inferred"`` or ``"unknown"``.
    - ``place``: where it stands, as ``"contract/rules.py: TEXT_TYPES"``.
    - ``said``: how the rows and list items of ``docs/contract.md`` begin that say it.
    """

    name: str
    rule: str
    sure: str
    place: str
    said: tuple[str, ...]


_EVENT = "contract/request.py: build_event"
_HEADERS = "contract/request.py: _build_headers"
_RESULT = "contract/response.py: parse_result"
_BODY = "contract/response.py: _result_body"
_LIMITS = "contract/rules.py: LIMITS"
_CONTEXT = "runner/context.py: build_context"
_RUNTIME = "runner/runtime.py: Runtime"
_INSTANCE = "runner/instance.py: Instance"

ROWS = (
    # ---- the call
    Row(
        "import",
        "the module is imported once per instance",
        "documented",
        _RUNTIME,
        ("The runtime imports the module",),
    ),
    Row("event-bytes", "the event is bytes of JSON", "documented", _RUNTIME, ("`event` is `bytes`",)),
    Row("one-at-a-time", "one request at a time", "documented", "runner/pool.py: Pool", ("One request at a time",)),
    Row("freezing", "stands still between requests", "documented", _INSTANCE, ("Once the handler has returned",)),
    Row(
        "plain-results",
        "text and bytes go out as they are, anything else by json.dumps",
        "seen",
        "contract/response.py: dump_result",
        ("`str` and `bytes` that a handler returns",),
    ),
    Row(
        "function-error",
        "an exception is a 502 that says no more",
        "documented",
        "contract/response.py: function_error",
        ("What the handler raises",),
    ),
    Row("exit", "SystemExit ends the process", "seen", _RUNTIME, ("Only `Exception` is caught",)),
    Row(
        "import-error",
        "an import that fails is an ImportModuleError",
        "documented",
        "runner/runtime.py: build_error",
        ("An import that fails",),
    ),
    Row("hooks", "the Initializer runs before the first request", "documented", _RUNTIME, ("The Initializer hook",)),
    # ---- the request
    Row("version", 'version is "v1"', "documented", _EVENT, ("`version`",)),
    Row("raw-path", "rawPath is as the client wrote it", "documented", _EVENT, ("`rawPath`",)),
    Row("path", "http.path is the decoded path", "documented", _EVENT, ("`requestContext.http.path`",)),
    Row(
        "query-decoded",
        "the names and values of a query are decoded",
        "seen",
        "contract/facts.py: Facts.query_values",
        ("`queryParameters`", "**The raw query string.**"),
    ),
    Row(
        "query-joined",
        "repeated names are joined with ','",
        "documented",
        "contract/request.py: _join",
        ("`queryParameters`",),
    ),
    Row(
        "query-commas",
        "a value's own comma, even as %2C, cannot be told from one that joins",
        "inferred",
        "contract/rules.py: QUERY_VALUES",
        ("**Which commas were there.**",),
    ),
    Row(
        "query-not-utf8",
        "bytes of a query that are no UTF-8 become U+FFFD",
        "inferred",
        "contract/rules.py: decode_as_gateway",
        ("**A query that is not UTF-8**",),
    ),
    Row(
        "header-names",
        "header names are in canonical form",
        "seen",
        "contract/rules.py: canonical_name",
        ("`headers`",),
    ),
    Row(
        "header-joined",
        "repeated headers are joined with ','",
        "documented",
        "contract/request.py: _join",
        ("`headers`", "**Repeated headers**"),
    ),
    Row("host", "Host stands once", "seen", "contract/facts.py: Facts.host", ("`headers.Host`",)),
    Row(
        "content-length", "Content-Length counts the bytes on the wire", "seen", _HEADERS, ("`headers.Content-Length`",)
    ),
    Row("forwarded-proto", "X-Forwarded-Proto is the scheme", "seen", _HEADERS, ("`headers.X-Forwarded-Proto`",)),
    Row(
        "request-reserved",
        "X-Fc-*, Connection and Keep-Alive do not arrive",
        "documented",
        "contract/rules.py: RESERVED_REQUEST_HEADERS",
        ("**`x-fc-*`, `Connection` and `Keep-Alive`**",),
    ),
    Row(
        "body-types",
        "text types come as text, all else as Base64",
        "documented",
        "contract/rules.py: TEXT_TYPES",
        ("`body`",),
    ),
    Row("base64-flag", "isBase64Encoded is true or false", "documented", _EVENT, ("`isBase64Encoded`",)),
    Row(
        "text-not-utf8",
        "bytes of text that are no UTF-8 become U+FFFD",
        "inferred",
        "contract/rules.py: decode_as_gateway",
        ("**A text body that is not UTF-8.**",),
    ),
    Row(
        "method",
        "the seven methods arrive",
        "documented",
        "contract/rules.py: METHODS",
        ("`requestContext.http.method`",),
    ),
    Row("protocol", 'protocol is "HTTP/1.1"', "documented", _EVENT, ("`requestContext.http.protocol`",)),
    Row("source-ip", "sourceIp is the client's address", "documented", _EVENT, ("`requestContext.http.sourceIp`",)),
    Row(
        "domain-name",
        "domainName is the host that was addressed",
        "documented",
        _EVENT,
        ("`requestContext.domainName`",),
    ),
    Row("request-id", "requestId is that of the context", "seen", _EVENT, ("`requestContext.requestId`",)),
    Row(
        "request-context", "account, prefix, time and user agent", "documented", _EVENT, ("`requestContext.accountId`",)
    ),
    # ---- the response
    Row(
        "status",
        "any status from 200 on is the client's",
        "documented",
        _RESULT,
        ("`statusCode`", "**The reason phrase**"),
    ),
    Row("no-envelope", "what has no statusCode is the JSON body of a 200", "documented", _RESULT, ("`statusCode`",)),
    Row("response-headers", "headers that are strings arrive", "seen", _RESULT, ("`headers`",)),
    Row(
        "header-lists",
        "a list as a header's value breaks the response",
        "inferred",
        "contract/facts.py: Facts.header_lists",
        ("`headers`", "a list as the value"),
    ),
    Row(
        "content-type-missing",
        "without Content-Type it is application/json",
        "documented",
        "contract/rules.py: DEFAULT_CONTENT_TYPE",
        ("`headers.Content-Type`",),
    ),
    Row(
        "content-type-case",
        "content-type is found in any letter case",
        "unknown",
        "contract/facts.py: Facts.content_type_case",
        ("Is `content-type` found in another letter case?",),
    ),
    Row("result-base64", 'true and "true" mean Base64, all else text', "documented", _RESULT, ("`isBase64Encoded`",)),
    Row("result-not-base64", "what cannot be decoded goes out as it is", "documented", _BODY, ("`body`",)),
    Row("result-object", "a body that is an object is written as JSON", "documented", _BODY, ("`body`",)),
    Row(
        "response-reserved",
        "reserved headers of a function are ignored",
        "documented",
        "contract/rules.py: RESERVED_RESPONSE_HEADERS",
        ("**Reserved headers**",),
    ),
    Row(
        "connection-headers",
        "headers about one connection do not break the body",
        "inferred",
        "contract/rules.py: HOP_BY_HOP_HEADERS",
        ("**Headers about one connection**",),
    ),
    Row("no-body", "HEAD, 204 and 304 have no body", "inferred", "contract/rules.py: has_no_body", ("**The body**",)),
    Row(
        "status-1xx",
        "a status below 200 is a bad response",
        "inferred",
        "contract/trigger.py: Trigger.respond",
        ("**The body**",),
    ),
    Row("streaming", "nothing is streamed: a generator is a function error", "documented", _RUNTIME, ("**The time**",)),
    Row(
        "added-headers",
        "Content-Length, Date and X-Fc-Request-Id are added",
        "documented",
        "contract/response.py: add_platform_headers",
        ("The platform adds `Content-Length`",),
    ),
    Row(
        "download",
        "the default domain adds Content-Disposition: attachment",
        "documented",
        "contract/response.py: add_platform_headers",
        ("The platform adds `Content-Length`",),
    ),
    Row(
        "custom-download",
        "a custom domain adds no Content-Disposition",
        "documented",
        "contract/response.py: add_platform_headers",
        ("The platform adds `Content-Length`",),
    ),
    Row(
        "custom-disposition",
        "on a custom domain the function's Content-Disposition counts",
        "inferred",
        "contract/facts.py: Facts.custom_disposition",
        ("Does a custom domain keep `Content-Disposition`?", "**Reserved headers**"),
    ),
    # ---- several cookies
    Row("one-cookie", "one cookie arrives, with the comma of its date", "seen", _RESULT, ("keep the last",)),
    Row(
        "joined-cookies",
        "cookies that are joined with commas stay one header",
        "inferred",
        _RESULT,
        ("join them with commas",),
    ),
    Row(
        "several-cookies",
        "cookies in different letter cases all arrive",
        "unknown",
        "contract/rules.py: COOKIES",
        ("names that differ in letter case only", "Do several cookies arrive?"),
    ),
    # ---- limits
    Row("limit-target", "path with query: 4 KB", "documented", _LIMITS, ("path with query",)),
    Row("limit-request-headers", "request headers: 8 KB", "documented", _LIMITS, ("request headers",)),
    Row("limit-body", "request body: 32 MB", "documented", _LIMITS, ("request body",)),
    Row(
        "limit-async-body", "request body, asynchronous: 128 KB", "documented", _LIMITS, ("request body, asynchronous",)
    ),
    Row("limit-response-headers", "response headers: 8 KB", "documented", _LIMITS, ("response headers",)),
    Row(
        "method-refused",
        "a method that is not allowed is a 403",
        "documented",
        "contract/trigger.py: Trigger.refuse",
        ("a method that",),
    ),
    Row(
        "timeout",
        "a timeout is a 502",
        "unknown",
        _INSTANCE,
        ("the function's timeout", "What does the client get at a timeout?"),
    ),
    Row(
        "result-size",
        "a result may be larger than 32 MB",
        "unknown",
        "contract/trigger.py: Trigger.respond",
        ("the result's size", "How large may a result be?"),
    ),
    Row(
        "error-body",
        "the platform's errors have errorCode and errorMessage",
        "documented",
        "contract/response.py: platform_error",
        ("The body of an error of the platform's own",),
    ),
    Row(
        "async",
        "an asynchronous request is a 202 at once",
        "documented",
        "contract/trigger.py: ACCEPTED",
        ("The body of an error of the platform's own",),
    ),
    # ---- the context and the environment
    Row("context", "what the context has in all runtimes", "documented", _CONTEXT, ("`context.request_id`",)),
    Row("context-before-3.12", "credentials and service", "documented", _CONTEXT, ("`context.credentials`",)),
    Row(
        "context-3.12",
        "log_project, log_store, version_id and qualifier",
        "documented",
        _CONTEXT,
        ("`context.log_project`",),
    ),
    Row(
        "environment",
        "the variables FC_*",
        "documented",
        "config/function.py: Function.platform_environment",
        ("`FC_FUNC_CODE_PATH`",),
    ),
    Row(
        "environment-role",
        "all three ALIBABA_CLOUD_* with a role, none without",
        "documented",
        _CONTEXT,
        ("`ALIBABA_CLOUD",),
    ),
    # ---- another trigger
    Row(
        "api-gateway-path",
        "API Gateway's path is encoded",
        "unknown",
        "contract/request.py: _read_texts",
        ("Is the `path` of API Gateway decoded?",),
    ),
)
