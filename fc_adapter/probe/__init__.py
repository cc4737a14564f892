"""Asking a deployed function: recorded requests sent to it, and a probe of the platform it runs on.

- ``client``: HTTP requests exactly as they are asked for.
- ``resend``: ``fc-adapter replay --to``.
- ``rows``: the rules of ``docs/contract.md``, as the rows of a report.
- ``session``: what a question asks with: requests, counted and kept as evidence; the table of the questions.
- ``ask_request``, ``ask_response``, ``ask_platform``: the questions, a small function each.
- ``report``: ``fc-adapter probe`` row by row, its report as JSON, and the facts that ``serve --platform`` plays.
"""
