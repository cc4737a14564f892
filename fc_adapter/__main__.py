"""``python -m fc_adapter`` and the command ``fc-adapter``."""

from __future__ import annotations

import atexit
import os
import sys
import threading


def main() -> None:
    """Run the command line and exit with its status."""
    from .cli import run

    status = run(sys.argv[1:])
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        # Python would wait for what a function has left running, which may never end.
        atexit._run_exitfuncs()
        sys.stdout.flush()  # pragma: no cover - coverage ends with the functions of atexit
        os._exit(status)  # pragma: no cover - as above
    sys.exit(status)


if __name__ == "__main__":
    main()
