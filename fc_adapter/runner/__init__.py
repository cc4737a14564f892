"""The platform's part, on the developer's machine. Nothing here is loaded in a deployed function.

What the commands of ``fc-adapter`` do, and ``serve()`` for tests:

- ``cli``, ``invoke``, ``commands``, ``configure``: the command line.
- ``serving``, ``server``: the HTTP server; ``gateway``: what the trigger does to a request and a response.
- ``pool``, ``instance``, ``in_process``: the instances; ``worker``, ``runtime``, ``context``: what is inside of one;
  ``frames``: what goes between the two; ``keeper``, ``processes``: what a function has started.
- ``function``, ``target``, ``template``: which function to run, from a name or from ``s.yaml``.
- ``console``, ``terminal``: lines, and what they may hold; ``record``, ``watch``: exchanges in files, reloading.
"""

from __future__ import annotations

__all__ = ["serve"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .serving import serve
else:  # type checkers would take it to have every name

    def __getattr__(name):
        """Load ``serve`` when it is asked for: an instance's process, made of this package too, has no server."""
        if name == "serve":
            from .serving import serve

            return serve
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
