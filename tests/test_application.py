"""Finding apps by name, and telling WSGI from ASGI without calling anything."""

from __future__ import annotations

import functools
import sys
from types import ModuleType, SimpleNamespace
from wsgiref.validate import validator

import pytest
import werkzeug

from fc_adapter import ConfigError
from fc_adapter.application import NotFoundError, detect_interface, is_double_callable, load_object, names_its_interface


def wsgi(environ, start_response):
    """WSGI, as a function."""


async def asgi(scope, receive, send):
    """ASGI, as a function."""


class WsgiInstance:
    def __call__(self, environ, start_response):
        """WSGI, as an instance."""


class AsgiInstance:
    async def __call__(self, scope, receive, send):
        """ASGI, as an instance."""

    async def method(self, s, r, x):
        """ASGI, as a method."""

    def plain(self, e, s):
        """WSGI, as a method."""

    def one(self):
        """No app."""


class Asgi2:
    def __init__(self, scope):
        """ASGI 2: an instance for each scope."""


class WsgiClass:
    def __init__(self, environ, start_response):
        """PEP 3333's class example: an instance for each response."""

    def __iter__(self):
        """Yield the body."""


class SlotCall:
    """Decides in ``__init__`` what calling does, as some monitoring middlewares do."""

    __slots__ = ("__call__",)

    def __init__(self, function):
        self.__call__ = function


def wrapped(app):
    @functools.wraps(app)
    def wrapper(*args, **kwargs):
        """Pass on whatever comes."""

    return wrapper


def opaque(*args, **kwargs):
    """Take anything."""


def asgi_returning_a_coroutine(scope, receive, send):
    """ASGI without the keyword async."""


def asgi2_function(scope):
    """ASGI 2, as a function."""


@werkzeug.Request.application
def responder(request):
    """WSGI behind a decorator that hides it, and tells of a function with another signature."""


class WsgiSubclass(WsgiClass):
    """With an ``__init__`` that it has inherited."""


def fc_handler(event, context):
    """A handler already."""


def generator(environ, start_response):
    """WSGI, as a generator function."""
    yield b""  # pragma: no cover - never called


def with_extras(environ, start_response, exc_info=None):
    """WSGI with one parameter more."""


def configured(settings, environ, start_response):
    """WSGI once its first argument is bound."""


def sync_asgi_with_defaults(scope, receive=None, send=None):
    """ASGI by its names."""


@functools.lru_cache
def cached(environ, start_response):
    """WSGI behind a C-implemented decorator."""


async def not_an_app(request):
    """A view."""


@functools.wraps(asgi)
def with_parameters_of_its_own(environ, start_response, *more):
    """Takes what a WSGI app takes, whatever it wraps."""


APPS = [
    ("wsgi", wsgi),
    ("wsgi", generator),
    ("wsgi", WsgiInstance()),
    ("wsgi", WsgiInstance().__call__),
    ("wsgi", AsgiInstance().plain),
    ("wsgi", WsgiClass),
    ("wsgi", wrapped(wsgi)),
    ("wsgi", wrapped(wrapped(wsgi))),
    ("wsgi", wrapped(AsgiInstance().plain)),
    ("wsgi", SlotCall(wsgi)),
    ("wsgi", with_extras),
    ("wsgi", functools.partial(configured, {})),
    ("wsgi", functools.partial(configured, settings={})),
    ("wsgi", functools.partial(functools.partial(configured), {})),
    ("wsgi", cached),
    ("wsgi", opaque),
    ("wsgi", validator(wsgi)),
    ("wsgi", responder),
    ("wsgi", WsgiSubclass),
    ("wsgi", lambda e, s: []),
    ("wsgi", lambda environ, start_response=None: []),
    ("wsgi", with_parameters_of_its_own),
    ("asgi", asgi),
    ("asgi", AsgiInstance()),
    ("asgi", AsgiInstance().method),
    ("asgi", Asgi2),
    ("asgi", asgi2_function),
    ("asgi", asgi_returning_a_coroutine),
    ("asgi", lambda a, b, c: None),
    ("asgi", sync_asgi_with_defaults),
    ("asgi", wrapped(asgi)),
    ("asgi", SlotCall(asgi)),
    ("asgi", functools.partial(asgi)),
]


@pytest.mark.parametrize(("interface", "app"), APPS)
def test_detection(interface, app):
    assert detect_interface(app) == interface


def apps_of_frameworks():
    """Apps and middlewares as ``{interface: [app]}``. Imported here: each process that collects tests would do it."""
    import asgiref.wsgi
    import bottle
    import falcon
    import falcon.asgi
    import fastapi
    import flask
    import litestar
    import pyramid.config
    import quart
    import starlette.applications
    import starlette.endpoints
    from a2wsgi import ASGIMiddleware, WSGIMiddleware
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler
    from starlette.middleware.gzip import GZipMiddleware
    from werkzeug.middleware.proxy_fix import ProxyFix

    wsgi_apps = [
        flask.Flask(__name__),
        flask.Flask(__name__).wsgi_app,
        object.__new__(WSGIHandler),
        bottle.Bottle(),
        falcon.App(),
        pyramid.config.Configurator().make_wsgi_app(),
        ProxyFix(wsgi),
        ASGIMiddleware(asgi),
    ]
    asgi_apps = [
        fastapi.FastAPI(),
        starlette.applications.Starlette(),
        starlette.endpoints.HTTPEndpoint,
        GZipMiddleware(asgi),
        object.__new__(ASGIHandler),
        quart.Quart(__name__),
        litestar.Litestar(),
        falcon.asgi.App(),
        asgiref.wsgi.WsgiToAsgi(wsgi),
        WSGIMiddleware(wsgi),
    ]
    return {"wsgi": wsgi_apps, "asgi": asgi_apps}


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_detection_of_frameworks(interface):
    found = [(app, detect_interface(app)) for app in apps_of_frameworks()[interface]]
    assert len(found) >= 8
    assert [each for each in found if each[1] != interface] == []


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        (Asgi2, True),
        (asgi2_function, True),
        (asgi, False),
        (asgi_returning_a_coroutine, False),
        (lambda scope, receive=None: None, False),
        (lambda *args: None, False),
        (not_an_app, False),
        (len, False),
    ],
)
def test_asgi2(app, expected):
    assert is_double_callable(app) is expected


def test_flask_class_and_instance():
    import flask

    with pytest.raises(ConfigError, match="the type 'Flask': wrap an instance of it, such as wrap"):
        detect_interface(flask.Flask)
    assert names_its_interface(flask.Flask(__name__))


opaque_in_a_circle = wrapped(wsgi)
opaque_in_a_circle.__wrapped__ = opaque_in_a_circle


async def async_generator(scope, receive, send):
    """A mistake."""
    yield  # pragma: no cover - never called


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (None, "an instance of builtins.NoneType, which is not callable"),
        (sys, "the module 'sys', which is not callable"),
        (WsgiInstance, "the type 'WsgiInstance': wrap an instance of it, such as wrap"),
        (object, "the type 'object': wrap an instance"),
        (fc_handler, r"with the parameters \(event, context\)"),
        (not_an_app, r"a coroutine function with the parameters \(request\)"),
        (async_generator, "expected WSGI, app"),
        (lambda environ: None, r"a callable with the parameters \(environ\)"),
        (lambda: None, r"a callable with the parameters \(\)"),
        (AsgiInstance.one, r"the app is the function 'AsgiInstance.one', a callable with the parameters \(self\)"),
        (lambda request: None, r"with the parameters \(request\)"),
        (lambda a, b, c, d: None, r"with the parameters \(a, b, c, d\)"),
        (len, "cannot tell whether the builtin_function_or_method 'len'"),
        (opaque_in_a_circle, "cannot tell whether"),
        (SimpleNamespace(), "an instance of types.SimpleNamespace"),
    ],
)
def test_what_is_no_app(app, message):
    with pytest.raises(ConfigError, match=message):
        detect_interface(app)


@pytest.mark.parametrize(
    ("app", "expected"),
    [(wsgi, True), (asgi, True), (WsgiInstance(), True), (lambda event, context: None, False), (len, False)],
)
def test_surely_an_app(app, expected):
    assert names_its_interface(app) is expected


def test_load_object():
    assert load_object("tests.test_application:wsgi") is wsgi
    assert load_object("tests.test_application:AsgiInstance.plain") is AsgiInstance.plain


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mysite.wsgi", "expected 'package.module:attribute'"),
        ("mysite:", "expected 'package.module:attribute'"),
        ("my-site:app", "expected 'package.module:attribute'"),
        ("no_such_module:app", "there is no module named 'no_such_module'"),
        ("tests.no_such_module:app", "there is no module named 'tests.no_such_module'"),
        ("tests.data:app", "'tests.data' has no 'app'; it has: nothing public"),
        ("fc_adapter.errors:app", "'fc_adapter.errors' has no 'app'; it has: .*ConfigError"),
        ("tests.conftest:HTTP_EVENTS.app", "'list' has no 'app'; it has: nothing public"),
    ],
)
def test_name_that_leads_nowhere(name, message):
    with pytest.raises(NotFoundError, match=message) as caught:
        load_object(name)
    assert caught.value.name == ("" if message.startswith("expected") else name)


def test_names_that_there_are_instead(monkeypatch):
    crowded = ModuleType("crowded")
    vars(crowded).update({f"name{number}": number for number in range(30)})
    monkeypatch.setitem(sys.modules, "crowded", crowded)
    names = ", ".join([f"name{number}" for number in range(20)])
    with pytest.raises(ConfigError, match=f"'crowded' has no 'app'; it has: {names}$"):
        load_object("crowded:app")


@pytest.mark.parametrize(
    ("code", "error"), [("import no_such_module_either", ModuleNotFoundError), ("1 / 0", ZeroDivisionError)]
)
def test_errors_of_the_module_itself_come_out(tmp_path, monkeypatch, code, error):
    (tmp_path / "broken_app.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(error):
        load_object("broken_app:app")
