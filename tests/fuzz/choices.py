"""Events, values and scripts, read out of bytes: the same bytes give the same ones on every Python.

atheris has a class for this, FuzzedDataProvider, but the corpus must mean the same where atheris is not installed.
"""

from __future__ import annotations

import asyncio

from fc_adapter import AppError, EventError
from tests.conftest import make_event
from tests.fuzz.scripts import PROPER, Script


class Unusual(BaseException):
    """No Exception, and no exit either."""


ERRORS = [
    ValueError,
    KeyError,
    StopIteration,
    StopAsyncIteration,
    RecursionError,
    EventError,
    AppError,
    GeneratorExit,
    asyncio.CancelledError,
    Unusual,
]
EXITS = [SystemExit, KeyboardInterrupt]
NAMES = ["Content-Type", "content-length", "Set-Cookie", "Vary", "x-fc-a", "Content-Encoding", "TE", "A"]
VALUES = ["text/plain", "application/json", "image/png", "gzip", "", "0", "3", "a=1", "\xe4\xbd\xa0", "\xe9"]
STATUSES = ["200 OK", "204 No Content", "304", "500 Oops", "100 Continue", "999 "]
CODES = [200, 204, 304, 500, 100, 999]
ODDITIES = [True, False, -1, 1e308, float("nan"), float("inf"), 2j, ..., list, dict]
UNPRINTABLE = 10**5000  # Python refuses to write a number with so many digits
MESSAGE_TYPES = ["http.response.start", "http.response.body", "http.response.trailers", "lifespan.startup.complete"]


class Choices:
    """Reads bytes from the front. Where they end, each number is 0 and each text empty."""

    def __init__(self, data):
        self._data = data
        self._position = 0

    def number(self, below):
        """A number from 0 up to ``below``, 256 at most."""
        data = self._data[self._position : self._position + 1]
        self._position += 1
        return data[0] % below if data else 0

    def pick(self, options):
        return options[self.number(len(options))]

    def rest(self):
        """The bytes that have not been read."""
        return self._data[self._position :]

    def several(self, read):
        return [read() for _ in range(self.number(5))]

    def binary(self):
        size = self.number(32)
        self._position += size
        return self._data[self._position - size : self._position]

    def text(self):
        """Text with any character in it, lone surrogates too."""
        raw = self.binary()
        how = self.number(8)
        if how == 7:
            return raw[: len(raw) & ~1].decode("utf-16-le", "surrogatepass")
        return raw.decode("latin-1") if how == 6 else raw.decode("utf-8", "surrogateescape" if how == 5 else "replace")

    def value(self, depth=2):
        """Any value of Python's; ``depth`` levels of others in it."""
        inner = (lambda: self.value(depth - 1)) if depth else self.text
        return self.pick(
            [
                lambda: None,
                self.text,
                self.binary,
                lambda: bytearray(self.binary()),
                lambda: memoryview(self.binary()),
                lambda: self.number(256),
                lambda: self.pick([*ODDITIES, UNPRINTABLE]),
                lambda: self.several(inner),
                lambda: tuple(self.several(inner)),
                lambda: {self.text(): inner() for _ in range(self.number(5))},
                lambda: object(),
            ]
        )()

    def mostly(self, read):
        """What ``read()`` gives, or now and then any value."""
        return self.value() if self.number(8) == 7 else read()

    def error(self, kinds=(*ERRORS, *EXITS)):
        return self.pick(kinds)(self.text())

    # ---- events ----

    def event(self):
        """An event as the platform makes them, but for what is in its text."""
        return make_event(
            method=self.pick(["GET", "POST", "HEAD", self.text()]),
            raw_path=f"/{self.text()}",
            headers={self.header_name(): self.header_value() for _ in range(self.number(5))},
            query={self.text(): self.text() for _ in range(self.number(5))},
            body=self.text(),
            domain=self.text(),
            source_ip=self.text(),
            protocol=self.pick(["HTTP/1.1", "HTTP/2", self.text()]),
        )

    def header_name(self):
        return self.pick(NAMES) if self.number(4) else self.text()

    def header_value(self):
        return self.pick(VALUES) if self.number(4) else self.text()

    # ---- scripts ----

    def script(self, interface):
        return self.wsgi_script() if interface == "wsgi" else self.asgi_script()

    def wsgi_script(self):
        headers = [(self.pick(NAMES), self.pick(VALUES)) for _ in range(self.number(5))]
        right = [("start", self.pick(STATUSES), headers), *self.several(self.right_wsgi_step)]
        return Script(
            self.mixed(right, self.wsgi_step),
            eager=self.number(8),
            returned=self.mostly(lambda: PROPER),
            close_error=self.error() if self.number(8) == 7 else None,
            is_stubborn=self.number(4) == 3,
        )

    def right_wsgi_step(self):
        return self.pick(["yield", "write"]), self.binary()

    def mixed(self, steps, read):
        """The steps of an app that is right, with up to three others among them."""
        for _ in range(self.number(4)):
            steps.insert(self.number(len(steps) + 1), read())
        return steps

    def wsgi_step(self):
        return self.pick(
            [
                lambda: ("start", self.wsgi_status(), self.wsgi_headers()),
                lambda: ("yield", self.mostly(self.binary)),
                lambda: ("write", self.mostly(self.binary)),
                lambda: ("restart", self.wsgi_status(), self.wsgi_headers(), self.mostly(lambda: PROPER)),
                lambda: ("read", self.number(256) - 1),
                lambda: ("raise", self.error()),
            ]
        )()

    def wsgi_status(self):
        return self.mostly(lambda: self.pick([*STATUSES, "99 Low", "1000 High", "٢٠٠ OK"]))

    def wsgi_headers(self):
        return self.mostly(lambda: self.several(lambda: self.mostly(lambda: (self.header_name(), self.header_value()))))

    def asgi_script(self):
        headers = [(self.pick(NAMES).encode(), self.pick(VALUES).encode()) for _ in range(self.number(5))]
        right = [
            ("send", {"type": "http.response.start", "status": self.pick(CODES), "headers": headers}),
            *self.several(lambda: ("send", {"type": "http.response.body", "body": self.binary(), "more_body": True})),
            ("send", {"type": "http.response.body", "body": self.binary()}),
        ]
        return Script(self.mixed(right, self.asgi_step), is_stubborn=self.number(4) == 3)

    def asgi_step(self, depth=1):
        return self.pick(
            [
                lambda: ("send", self.start_message()),
                lambda: ("send", self.body_message()),
                lambda: ("send", self.mostly(self.any_message)),
                lambda: ("receive",),
                lambda: ("sleep",),
                lambda: ("cancel",),
                # A task that outlives its request would exit from another.
                lambda: ("raise", self.error() if depth else self.error(ERRORS)),
                lambda: ("task", self.several(lambda: self.asgi_step(depth - 1)) if depth else []),
            ]
        )()

    def start_message(self):
        return {
            "type": "http.response.start",
            "status": self.mostly(lambda: self.pick([*CODES, 99, 1000])),
            "headers": self.mostly(lambda: self.several(lambda: self.mostly(self.asgi_header))),
        }

    def asgi_header(self):
        return self.encoded(self.header_name), self.encoded(self.header_value)

    def encoded(self, read):
        return self.mostly(lambda: read().encode("utf-8", "surrogatepass"))

    def body_message(self):
        return {"type": "http.response.body", "body": self.mostly(self.binary), "more_body": self.number(3) == 2}

    def any_message(self):
        return {"type": self.pick(MESSAGE_TYPES), self.pick(["status", "headers", "body"]): self.value()}
