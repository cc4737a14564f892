"""Data and small rules that both directions of the contract share, each with its source.

"Documented" means Alibaba Cloud's page "HTTP trigger overview" (Function Compute 3.0) unless another is named.
"""

from __future__ import annotations

# Documented: what a trigger can allow, and allows unless configured otherwise.
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS")

# The account of the documentation's own examples, for events that are made here.
ACCOUNT_ID = "123456"

# Documented: these and text/* travel as text in an event, everything else as Base64.
TEXT_TYPES = frozenset(
    {
        "application/json",
        "application/ld+json",
        "application/xhtml+xml",
        "application/xml",
        "application/atom+xml",
        "application/javascript",
    }
)

# RFC 9110 section 7.6.1: for one connection only. The gateway frames the client's connection itself.
HOP_BY_HOP_HEADERS = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

# Documented: not passed on as custom request headers, beside every x-fc-*.
RESERVED_REQUEST_HEADERS = frozenset({"connection", "keep-alive"})

# Documented: ignored when a handler returns them, beside every x-fc-*.
RESERVED_RESPONSE_HEADERS = frozenset(
    {"connection", "content-disposition", "content-length", "date", "keep-alive", "server", "upgrade"}
)
RESERVED_PREFIX = "x-fc-"

# Documented: what the platform claims for a result that names no type.
DEFAULT_CONTENT_TYPE = "application/json"

# ---- what may turn out otherwise: `fc-adapter probe` asks; docs/contract.md says what each answer would change -------

# Unknown: how several cookies reach the client. "cases": each Set-Cookie in a letter case of its own. "list": one
# Set-Cookie with a list as its value, for a platform that keeps one of the former and takes the latter.
COOKIES = "cases"

# Seen: the values of a query are decoded, so that a comma may be the client's or one that joins. "raw": they are as the
# client has sent them, for a platform that leaves them so; then `split_query` splits at joining commas alone.
QUERY_VALUES = "decoded"

# ----------------------------------------------------------------------------------------------------------------------

# RFC 9110 section 5.6.2: what the names of headers and methods are made of.
_TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def is_token(text: str) -> bool:
    """Whether ``text`` can be the name of a header or a method."""
    return text != "" and not text.strip(_TOKEN_CHARACTERS)


def has_breaks(text: str) -> bool:
    """Whether ``text`` holds what RFC 9110 section 5.5 calls dangerous in a header: CR, LF or NUL."""
    return "\n" in text or "\r" in text or "\0" in text


def has_no_body(status: int) -> bool:
    """Whether responses with this status carry no content: RFC 9110 sections 15.2, 15.3.5 and 15.4.5."""
    return status < 200 or status == 204 or status == 304


def media_type(content_type: str | None) -> str:
    """``"Text/HTML; charset=gbk"`` gives ``"text/html"``; None gives ``""``."""
    return content_type.partition(";")[0].strip().lower() if content_type else ""


def is_text_type(media_type: str) -> bool:
    """Whether the platform carries a body of this media type as text."""
    return media_type.startswith("text/") or media_type in TEXT_TYPES


def canonical_name(name: str) -> str:
    """A header name in Go's canonical form, which events use: ``accept-encoding`` gives ``Accept-Encoding``."""
    return "-".join([part.capitalize() for part in name.split("-")])


def decode_as_gateway(raw: bytes) -> str:
    """Bytes from the wire as they appear in an event's JSON.

    The gateway is written in Go, whose encoding/json writes U+FFFD for each byte that is not UTF-8.
    """
    return replace_surrogates(raw.decode("utf-8", "surrogateescape"))


def replace_surrogates(text: str) -> str:
    """``text`` with U+FFFD in place of each lone surrogate, as Go's JSON decoder reads it."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def decode_header(raw: bytes) -> str:
    """A header value that an application sent, as text: UTF-8 where it is that, otherwise latin-1."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


# Documented: what the gateway takes and passes on, in bytes.
LIMITS = {
    "target": 4 * 1024,  # path with query
    "request_headers": 8 * 1024,
    "body": 32 * 1024 * 1024,
    "async_body": 128 * 1024,
    "response_headers": 8 * 1024,
}
