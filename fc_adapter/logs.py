"""Log records that know which request they belong to."""

from __future__ import annotations

import logging

from .invocation import current_invocation


class RequestIdFilter(logging.Filter):
    """Gives each record the attribute ``request_id`` (str): that of the invocation being served, or ``"-"``.

    Add it to a ``logging.Handler`` whose format names ``%(request_id)s``. It lets every record through.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Set ``record.request_id``."""
        invocation = current_invocation()
        record.request_id = invocation.request_id if invocation and invocation.request_id else "-"
        return True
