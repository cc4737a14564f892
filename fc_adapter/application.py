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
_GIVES = {_CO_COROUTINE: "coroutine", _CO_ASYNC_GENERATOR: "async generator"}
_WSGI_NAMES = ("environ", "env")
_ASGI_NAMES = ("scope",)
_HINT = (
    "If it makes the app, call it: wrap(create_app()). If it is an app all the same, say so: wrap(app, "
    "interface='wsgi') or wrap(app, interface='asgi')"
)


class NotFoundError(ConfigError):
    """A name that leads nowhere. ``name`` is that name, or ``""`` when it is none at all."""

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


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
        raise NotFoundError(f"cannot import {name!r}: there is no module named {error.name!r}", name) from error
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise NotFoundError(f"cannot import {name!r}: {_missing_attribute(found, part)}", name) from None
    return found


def _missing_attribute(owner: object, name: str) -> str:
    """A sentence saying that ``owner`` has no attribute ``name``, and what it has."""
    public = [key for key in getattr(owner, "__dict__", ()) if not key.startswith("_")]
    names = ", ".join(public[:20]) or "nothing public"
    return f"{getattr(owner, '__name__', type(owner).__name__)!r} has no {name!r}; it has: {names}"


class _Signature:
    """What a function takes, and what calling it gives.

    - ``names``: of its positional parameters; ``required``: how many of them must be given.
    - ``is_open``: whether ``*args`` takes more.
    - ``gives``: ``"coroutine"``, ``"async generator"``, or ``""`` for anything else.
    """

    def __init__(self, names: tuple[str, ...], required: int, is_open: bool, gives: str) -> None:
        self.names = names
        self.required = required
        self.is_open = is_open
        self.gives = gives

    @property
    def first(self) -> str:
        """The name of the first parameter, or ``""``."""
        return self.names[0] if self.names else ""


def check_callable(app: object) -> None:
    """Raise ConfigError when ``app``, whose interface is given, can be no app at all."""
    if not callable(app):
        raise ConfigError(f"the app must be callable, got {app!r:.100}")


def names_its_interface(app: Any) -> bool:
    """Whether the parameters of ``app`` have the names that PEP 3333 or ASGI give them, so that it is surely an app."""
    signature = _read_signature(app)
    return signature is not None and signature.first in (*_WSGI_NAMES, *_ASGI_NAMES)


def is_coroutine_function(function: Any) -> bool:
    """Whether calling ``function`` gives a coroutine."""
    signature = _read_signature(function)
    return signature is not None and signature.gives == "coroutine"


def is_double_callable(app: Any) -> bool:
    """Whether an ASGI app is one of ASGI 2: ``app(scope)`` gives a function of ``(receive, send)``."""
    if isinstance(app, type):
        return not hasattr(app, "__await__")
    signature = _read_signature(app)
    return signature is not None and len(signature.names) < 2 and not signature.is_open and not signature.gives


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
    interface = _match(signature)
    if interface is None:
        kind = "a coroutine function" if signature.gives == "coroutine" else "a callable"
        raise ConfigError(
            f"the app is {_describe(app)}, {kind} with the parameters ({', '.join(signature.names)}); expected WSGI, "
            f"app(environ, start_response), or ASGI, async app(scope, receive, send). {_HINT}"
        )
    return interface


def _match(signature: _Signature) -> str | None:
    """The interface that has this signature, if there is one."""
    if signature.gives == "async generator":
        return None
    if signature.gives == "coroutine":
        takes_three = signature.required <= 3 and (len(signature.names) >= 3 or signature.is_open)
        return "asgi" if takes_three else None
    if signature.first in _ASGI_NAMES:  # also ASGI 2: app(scope) returns a coroutine function
        return "asgi"
    if signature.first in _WSGI_NAMES and len(signature.names) >= 2:
        return "wsgi"
    if signature.first == "event":
        return None  # a handler of events already
    if signature.required in (2, 3):
        return {2: "wsgi", 3: "asgi"}[signature.required]
    # A decorator that hides its app counts as WSGI, since those of ASGI apps are coroutine functions.
    return "wsgi" if signature.is_open and not signature.names else None


def _detect_class(app: type) -> str:
    """A class can be an application whose instances are one response each (PEP 3333 shows one, ASGI 2 demands it)."""
    signature = _read_signature(app.__init__, bound=1)  # type: ignore[misc]
    first = signature.first if signature else ""
    if first in _ASGI_NAMES:
        return "asgi"
    if first in _WSGI_NAMES and hasattr(app, "__iter__"):
        return "wsgi"
    raise ConfigError(
        f"the app is {_describe(app)}: wrap an instance of it, such as wrap({app.__name__}(...)). {_HINT}"
    )


def _read_signature(function: Any, bound: int = 0, depth: int = 0) -> _Signature | None:
    """The signature of ``function`` less ``bound`` parameters, or None when it has no code object.

    A decorator that takes ``*args`` is looked through, by its ``__wrapped__``, when what it wraps looks like an app.
    """
    keywords: set[str] = set()
    for _ in range(20 - depth):  # a chain that bites its own tail ends here
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
            inner = _read_signature(function.__wrapped__, bound, depth + 1)
            if inner is None or _match(inner) is not None:
                return inner
        names = code.co_varnames[: code.co_argcount]
        needed = names[bound : len(names) - len(function.__defaults__ or ())]
        return _Signature(
            tuple([name for name in names[bound:] if name not in keywords]),
            len([name for name in needed if name not in keywords]),
            is_open,
            _GIVES.get(code.co_flags & (_CO_COROUTINE | _CO_ASYNC_GENERATOR), ""),
        )
    return None


def _describe(app: object) -> str:
    kind = type(app)
    name = getattr(app, "__qualname__", None) or getattr(app, "__name__", None)
    if name:
        return f"the {kind.__name__} {name!r}"
    return f"an instance of {kind.__module__}.{kind.__qualname__}"
