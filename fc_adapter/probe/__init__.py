"""Asking a deployed function: recorded requests sent to it, and a probe of the platform it runs on.

- ``client``: HTTP requests exactly as they are asked for.
- ``resend``: ``fc-adapter replay --to``.
"""
