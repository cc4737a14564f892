"""``python -m fc_adapter`` and the command ``fc-adapter``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its status."""
    from .runner.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
