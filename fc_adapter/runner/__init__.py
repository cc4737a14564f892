"""The platform's part, on the developer's machine. Nothing here is loaded in a deployed function.

``serve()`` is for tests; the commands of ``fc-adapter`` are in ``cli``.

- ``platform``: all of it together; ``server``: HTTP; ``gateway``: what the trigger does to a request and a response;
  ``router``: several functions behind one port.
- ``pool``, ``instance``, ``in_process``: the instances; ``life``: their states, and what may follow what.
- ``worker``, ``runtime``, ``load``, ``context``, ``tap``: what is inside of one; ``frames``: what goes between the two;
  ``keeper``, ``processes``: what a function has started; ``stacks``: where it stood when its time was over.
- ``observer``: whoever watches; ``console``: the terminal; ``record``, ``watch``: exchanges in files, reloading.
"""

from __future__ import annotations

__all__ = ["serve"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .platform import serve
else:  # type checkers would take it to have every name

    def __getattr__(name):
        """Load ``serve`` when it is asked for: an instance's process, made of this package too, has no server."""
        if name == "serve":
            from .platform import serve

            return serve
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
