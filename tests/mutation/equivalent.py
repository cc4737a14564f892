"""Mutants that no test can notice: what they change is cost, or a text that nobody sees, or nothing.

Each is known by module, function, and the changed lines before and after, so that it is found wherever these stand.
``python -m tests.mutation`` refuses one that is no mutant any more.
"""

from __future__ import annotations

EQUIVALENT = {
    (
        "contract/query.py",
        "read_query",
        "if len(special) == 2 * len(parameters) - 1: # the separators, and nothing that needs an escape",
        "if len(special) == 2 * len(parameters) - 2: # the separators, and nothing that needs an escape",
    ): "never true, so that each query is built the exact way, which gives the same",
    (
        "asgi/__init__.py",
        "Server.__init__",
        "background_timeout: float = 10.0,",
        "background_timeout: float = 11.0,",
    ): "wrap() gives it",
    (
        "asgi/__init__.py",
        "Server.__init__",
        "raise_errors: bool = False,",
        "raise_errors: bool = True,",
    ): "wrap() gives it",
    (
        "contract/request.py",
        "parse_loaded",
        "request.split = split",
        "pass",
    ): "header names are converted one by one, which gives the same",
}

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def _usual(methods):
    return "_USUAL_METHODS = frozenset({" + ", ".join([f'"{method}"' for method in methods]) + "})"


for _method in _METHODS:
    _fewer = _usual([each for each in _METHODS if each != _method])
    EQUIVALENT["contract/request.py", "", _usual(_METHODS), _fewer] = (
        "its events are read the exact way, which gives the same"
    )
