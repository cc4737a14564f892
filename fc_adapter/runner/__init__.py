"""The platform's part, on the developer's machine. Nothing here is loaded in a deployed function.

- ``cli``: the commands of ``fc-adapter``.
- ``target``: from what a user types to a handler function.
- ``context``: the context object that the runtime passes to a handler.
- ``runtime``: what the runtime does around a call: error objects and log lines.
"""
