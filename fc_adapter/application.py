"""Finding the application: an import by name, and which interface a callable speaks.

Only what the functions' own code objects say is read: ``inspect`` would cost a cold start several milliseconds, and
calling the app to find out might do anything.
"""

from __future__ import annotations

from functools import partial
from types import MethodType, MethodWrapperType

from .errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CO_VARARGS, _CO_COROUTINE, _CO_ASYNC_GENERATOR = 0x04, 0x80, 0x200  # inspect.CO_*
_WSGI_NAMES = ("environ", "env")
_ASGI_NAMES = ("scope",)
_HINT = "If it is one all the same, say so: wrap(app, interface='wsgi') or wrap(app, interface='asgi')"


class NotFoundError(ConfigError):
    """A name that leads nowhere."""


def load_object(name: str) -> Any:
    """The object that ``"package.module:attribute"`` names; the attribute may be dotted.

    Raises NotFoundError when there is no such module or attribute, which then lists what there is. What the module's
    own code raises comes out as it is.
    """
    from importlib import import_module

    module_name, colon, attribute = name.partition(":")
    if not (colon and attribute and all(map(str.isidentifier, module_name.split(".")))):
        raise NotFoundError(f"cannot import {name!r}: expected 'package.module:attribute', such as 'mysite.wsgi:app'")
    try:
        found = import_module(module_name)
    except ModuleNotFoundError as error:
        # A module that the app itself fails to import is the app's error.
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise NotFoundError(f"cannot import {name!r}: there is no module named {error.name!r}") from error
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise NotFoundError(f"cannot import {name!r}: {_missing_attribute(found, part)}") from None
    return found


def _missing_attribute(owner: object, name: str) -> str:
    """A sentence saying that ``owner`` has no attribute ``name``, and what it has."""
    public = [key for key in getattr(owner, "__dict__", ()) if not key.startswith("_")]
    names = ", ".join(public[:20]) or "nothing public"
    return f"{getattr(owner, '__name__', type(owner).__name__)!r} has no {name!r}; it has: {names}"


def names_its_interface(app: Any) -> bool:
    """Whether the parameters of ``app`` have the names that PEP 3333 or ASGI give them, so that it is surely an app."""
    signature = _read_signature(app)
    return signature is not None and signature[0][:1] in [(name,) for name in (*_WSGI_NAMES, *_ASGI_NAMES)]


def detect_interface(app: Any) -> str:
    """``"wsgi"`` or ``"asgi"``. Raises ConfigError, which says what came, when ``app`` is neither or may be both."""
    if not callable(app):
        raise ConfigError(
            f"the app is {_describe(app)}, which is not callable; expected a WSGI or ASGI application, or a name such "
            "as 'package.module:app'"
        )
    if isinstance(app, type):
        return _detect_class(app)
    signature = _read_signature(app)
    if signature is None:
        raise ConfigError(f"cannot tell whether {_describe(app)} is WSGI or ASGI from its signature. {_HINT}")
    names, required, is_open, flags = signature
    accepts_three = required <= 3 and (len(names) >= 3 or is_open)
    if flags & _CO_COROUTINE and accepts_three:
        return "asgi"
    if not flags & (_CO_COROUTINE | _CO_ASYNC_GENERATOR):
        if names and names[0] in _ASGI_NAMES:  # also ASGI 2: app(scope) returns a coroutine function
            return "asgi"
        if required == 2 or (names and names[0] in _WSGI_NAMES and len(names) >= 2):
            return "wsgi"
        if required == 3:
            return "asgi"
        if is_open and not names:  # a decorator that hides its app; those of ASGI apps are coroutine functions
            return "wsgi"
    kind = "a coroutine function" if flags & _CO_COROUTINE else "a callable"
    raise ConfigError(
        f"the app is {_describe(app)}, {kind} with the parameters ({', '.join(names)}); expected WSGI, "
        f"app(environ, start_response), or ASGI, async app(scope, receive, send). {_HINT}"
    )


def is_double_callable(app: Any) -> bool:
    """Whether an ASGI app is one of ASGI 2: ``app(scope)`` gives a function of ``(receive, send)``."""
    if isinstance(app, type):
        return not hasattr(app, "__await__")
    signature = _read_signature(app)
    return signature is not None and signature[0][1:] == () and not signature[2] and not signature[3] & _CO_COROUTINE


def _detect_class(app: type) -> str:
    """A class can be an application whose instances are one response each (PEP 3333 shows one, ASGI 2 demands it)."""
    signature = _read_signature(vars(app).get("__init__", app), bound=1)
    first = signature[0][:1] if signature else ()
    if first and first[0] in _ASGI_NAMES:
        return "asgi"
    if first and first[0] in _WSGI_NAMES and hasattr(app, "__iter__"):
        return "wsgi"
    raise ConfigError(
        f"the app is {_describe(app)}: wrap an instance of it, such as wrap({app.__name__}(...)). {_HINT}"
    )


def _read_signature(function: Any, bound: int = 0) -> tuple[tuple[str, ...], int, bool, int] | None:
    """Names of the positional parameters, how many must be given, whether ``*args`` takes more, the code's flags.

    None for what has no code object. A decorator that takes ``*args`` is looked through by ``__wrapped__``.
    """
    keywords: set[str] = set()
    for _ in range(100):  # a chain that bites its own tail ends here
        if isinstance(function, partial):
            bound += len(function.args)
            keywords.update(function.keywords)
            function = function.func
            continue
        if isinstance(function, MethodType):
            bound += 1
            function = function.__func__
            continue
        code = getattr(function, "__code__", None)
        if code is None:
            function = getattr(function, "__wrapped__", None) or function.__call__
            if isinstance(function, MethodWrapperType):
                return None
            continue
        is_open = bool(code.co_flags & _CO_VARARGS)
        if is_open and code.co_argcount <= bound and hasattr(function, "__wrapped__"):
            function = function.__wrapped__
            continue
        names = code.co_varnames[: code.co_argcount]
        defaults = len(function.__defaults__ or ())
        required = tuple(name for name in names[bound : len(names) - defaults] if name not in keywords)
        return tuple(name for name in names[bound:] if name not in keywords), len(required), is_open, code.co_flags
    return None


def _describe(app: object) -> str:
    kind = type(app)
    name = getattr(app, "__qualname__", None) or getattr(app, "__name__", None)
    if name:
        return f"the {kind.__name__} {name!r}"
    return f"an instance of {kind.__module__}.{kind.__qualname__}"
