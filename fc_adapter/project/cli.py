"""The options of the commands ``init`` and ``doctor``."""

from __future__ import annotations

import argparse
from typing import Any


def add_init(commands: Any) -> None:
    """Add ``fc-adapter init`` to the commands."""

    def command(options: argparse.Namespace) -> int:
        from .init import init

        return init(options)

    parser = commands.add_parser(
        "init",
        help="write what a project needs to become a function",
        description="Find the app of the project in this directory, and write index.py, s.yaml and .fcignore for it.",
        epilog="Nothing is overwritten, and nothing of the project is imported.",
    )
    parser.set_defaults(command=command, name="init")
    parser.add_argument("--app", metavar="MODULE:APP", help="such as shop.app:app or shop:create_app()")
    parser.add_argument("--name", dest="function", help="of the function (default: the directory's)")
    parser.add_argument("--region", default="cn-hangzhou", help="where it runs (default: %(default)s)")
    parser.add_argument("--runtime", metavar="pythonX.Y", help="python3.9, python3.10 or python3.12")
    parser.add_argument("--dry-run", action="store_true", help="print the files instead of writing them")


def add_doctor(commands: Any) -> None:
    """Add ``fc-adapter doctor`` to the commands."""

    def command(options: argparse.Namespace) -> int:
        from .doctor import doctor

        return doctor(options)

    parser = commands.add_parser(
        "doctor",
        help="check a project before it is deployed",
        description="Check the function that s.yaml describes, and the packages beside it, before they are deployed.",
        epilog="Exits with status 1 when there are errors.",
    )
    parser.set_defaults(command=command, name="doctor")
    parser.add_argument("--template", metavar="FILE", default="s.yaml", help="instead of s.yaml")
    parser.add_argument("--resource", metavar="NAME", help="which function of the template")
    parser.add_argument("--runtime", metavar="pythonX.Y", help="check for this one instead")
    parser.add_argument("--no-import", action="store_true", help="do not import the handler, which runs its code")
    parser.add_argument("--strict", action="store_true", help="exit with status 1 for warnings, too")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
