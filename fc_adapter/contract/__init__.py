"""The contract of Function Compute's HTTP trigger, in both directions, without I/O.

- ``request``: ``parse_event`` (event to Request) beside its inverse ``build_event``.
- ``response``: ``build_result`` (Response to handler result) beside its inverse ``parse_result``.
- ``rules``: the data that both directions share, with its sources.

A function reads an event and writes a result; the local runner, which plays the gateway, does the other two.
"""
