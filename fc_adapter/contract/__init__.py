"""The contract of Function Compute's HTTP trigger, in both directions, without I/O.

- ``request``: ``parse_event`` (event to Request) beside its inverse ``build_event``; ``fields``: an event's fields.
- ``response``: ``build_result`` (Response to handler result) beside its inverse ``parse_result``.
- ``rules``: the data that both directions share, with its sources.
- ``headers``: an event's headers; ``query``: the query, a string and a map; ``base64``: by the fastest way there is.
- ``facts``: what is unknown of the platform and may turn out otherwise, as data.
- ``trigger``: the gateway's way: what reads, refuses, and finishes.

A function reads an event and writes a result; what plays the gateway does the other two.
"""
