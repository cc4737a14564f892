"""The contract of Function Compute's HTTP trigger, in both directions, without I/O.

- ``request``: ``parse_event`` (event to Request) beside its inverse ``build_event``; ``fields``: an event's fields.
- ``response``: ``build_result`` (Response to handler result) beside its inverse ``parse_result``.
- ``rules``: the data that both directions share, with its sources.
- ``wire``: a Request off the wire; ``limits``: what the gateway refuses for its size.

A function reads an event and writes a result; what plays the gateway does the other two.
"""
