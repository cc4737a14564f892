"""What a command line may hold: the commands and their options."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, NoReturn

from .. import __version__
from ..terminal import warn

DEFAULT_PORT = 9000


class _Parser(argparse.ArgumentParser):
    reads_environment = False

    takes_request = False
    _is_intermixed = False

    def parse_known_args(self, *arguments: Any, **options: Any) -> Any:
        """Take the defaults of the options from FC_ADAPTER_* variables first, if the command is one of those.

        Those that take a request let its method and URL stand between the options, as curl does.
        """
        if self.reads_environment:
            _read_environment(self)
        if self.takes_request and not self._is_intermixed:
            self._is_intermixed = True
            return self.parse_known_intermixed_args(*arguments, **options)
        return super().parse_known_args(*arguments, **options)

    def parse_args(self, *arguments: Any, **options: Any) -> Any:
        """Have the command itself refuse what it does not know: it has the options that may have been meant."""
        namespace, unknown = self.parse_known_args(*arguments, **options)
        if unknown:
            parser: _Parser = getattr(namespace, "parser", self)
            parser.error(f"unrecognized arguments: {' '.join(unknown)}{parser._suggest(unknown)}")
        return namespace

    def _suggest(self, words: Iterable[str]) -> str:
        """The options or commands that may have been meant by ``words``."""
        known = [option for action in self._actions for option in action.option_strings if option.startswith("--")]
        known += [name for action in self._actions if isinstance(action.choices, dict) for name in action.choices]
        found = [get_close_matches(word.partition("=")[0], known, n=1, cutoff=0.7) for word in words]
        meant = list(dict.fromkeys(name for names in found for name in names))
        return f"; did you mean {' and '.join(meant)}?" if meant else ""

    def error(self, message: str) -> NoReturn:
        """One line instead of the usage, which is long."""
        wrong = re.match(r"argument COMMAND: invalid choice: '([^']*)'", message)
        if wrong:
            message = f"there is no command {wrong[1]!r}{self._suggest([wrong[1]])}"
        warn(f"{self.prog}: {message}; see {self.prog} --help")
        sys.exit(2)


def build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="fc-adapter", description="Run web apps on Alibaba Cloud Function Compute, and try them here."
    )
    parser.add_argument("--version", action="version", version=f"fc-adapter {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    adders = (_add_invoke, _add_event, _add_serve, _add_replay, _add_probe, _add_init, _add_build, _add_doctor)
    for add in adders:
        add(commands)
    return parser


_TARGET = "index:handler, index.handler or path/to/index.py:handler"


def _add_invoke(commands: argparse._SubParsersAction[_Parser]) -> None:
    def command(options: argparse.Namespace) -> int:
        from .invoke import invoke

        return invoke(options)

    parser = commands.add_parser(
        "invoke",
        help="run one event through a handler",
        description="Run one event through a handler and print what the HTTP client would see.",
        epilog="A function error prints the platform's error object and exits with status 1.",
    )
    parser.set_defaults(command=command, parser=parser, name="invoke")
    parser.add_argument("target", metavar="TARGET", help=_TARGET)
    _add_request_arguments(parser, optional=True)
    parser.add_argument("--event", metavar="FILE", help="read the event from FILE ('-': standard input) instead")
    parser.add_argument("--result", action="store_true", help="print the handler's result as JSON instead")
    _add_custom_domain(parser)


def _add_event(commands: argparse._SubParsersAction[_Parser]) -> None:
    def command(options: argparse.Namespace) -> int:
        from .invoke import print_event

        return print_event(options)

    parser = commands.add_parser(
        "event",
        help="print the event of a request",
        description="Print the event that the HTTP trigger makes of a request.",
    )
    parser.set_defaults(command=command, parser=parser, name="event")
    _add_request_arguments(parser, optional=False)


def _add_serve(commands: argparse._SubParsersAction[_Parser]) -> None:
    def command(options: argparse.Namespace) -> int:
        from .serve import serve

        return serve(options)

    parser = commands.add_parser(
        "serve",
        help="serve a function over HTTP, as the platform would",
        description="Serve the functions of s.yaml, or one handler, over HTTP as Function Compute would.",
        epilog="Each option can be set by a variable: FC_ADAPTER_IDLE_TIMEOUT is --idle-timeout.",
    )
    parser.set_defaults(command=command, parser=parser, name="serve")
    parser.add_argument("target", metavar="TARGET", nargs="?", help=f"{_TARGET} (default: what s.yaml describes)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=_port,
        help=f"port to listen on; 0 picks a free one (default: {DEFAULT_PORT}; with --check, a free one)",
    )
    _add_function_options(parser)
    parser.add_argument(
        "--instances",
        type=_positive,
        default=10,
        metavar="N",
        help="maximum number of instances, which serve one request at a time each (default: %(default)s)",
    )
    parser.add_argument(
        "--idle-timeout",
        type=_seconds,
        default=300.0,
        metavar="SECONDS",
        help="seconds after which an idle instance ends (default: %(default)g)",
    )
    parser.add_argument("--no-freeze", action="store_true", help="do not freeze instances between requests")
    parser.add_argument(
        "--in-process", action="store_true", help="run the function in this process, so that debuggers work"
    )
    parser.add_argument(
        "--bundle",
        action="store_true",
        help="run the content of the archive with the runtime's Python, and nothing of this environment",
    )
    parser.add_argument("--reload", action="store_true", help="use new instances once a file has changed")
    parser.add_argument("--record", metavar="DIR", help="write each exchange to a file in DIR")
    parser.add_argument("--check", metavar="PATH", help="send one GET request, print the response and exit")
    parser.add_argument(
        "--inspect-port",
        type=_port,
        default=9001,
        metavar="PORT",
        help="port of the inspector (loopback only; 0 picks a free one; default: %(default)s)",
    )
    parser.add_argument(
        "--inspect-token",
        type=_token,
        metavar="TOKEN",
        help="token of the inspector (default: a new one each time); other users of the machine can see an option, "
        "but not the variable FC_ADAPTER_INSPECT_TOKEN",
    )
    parser.add_argument(
        "--inspect-history",
        type=_positive,
        default=200,
        metavar="N",
        help="number of invocations that the inspector keeps (default: %(default)s)",
    )
    parser.add_argument("--open", action="store_true", help="open the inspector in a web browser")
    parser.add_argument("--no-inspect", action="store_true", help="do not serve the inspector")
    parser.add_argument("--platform", metavar="REPORT", help="play the gateway as a report of fc-adapter probe saw it")
    _add_custom_domain(parser)
    parser.reads_environment = True


def _add_replay(commands: argparse._SubParsersAction[_Parser]) -> None:
    def command(options: argparse.Namespace) -> int:
        from .replay import replay

        return replay(options)

    parser = commands.add_parser(
        "replay",
        help="run recorded exchanges again and show what differs",
        description="Run exchanges that serve --record has kept again, here or in the cloud, and show what differs.",
        epilog="Exits with status 1 when anything differs.",
    )
    parser.set_defaults(command=command, parser=parser, name="replay")
    parser.add_argument(
        "files", metavar="FILE|DIR", nargs="+", help="files that serve --record has written, or directories of them"
    )
    parser.add_argument("--to", metavar="URL", help="send the requests to a deployed function at URL instead")
    parser.add_argument("--yes", action="store_true", help="with --to: do not ask before requests that may change data")
    parser.add_argument(
        "--ignore-header",
        metavar="NAME",
        action="append",
        default=[],
        help="response header not to compare; may be repeated",
    )
    parser.add_argument(
        "--insensitive",
        action="store_true",
        help="compare header values and text without letter case and white space, and JSON by value",
    )
    parser.add_argument("--target", metavar="TARGET", help=f"{_TARGET} (default: what s.yaml describes)")
    _add_function_options(parser)
    parser.reads_environment = True


def _add_probe(commands: argparse._SubParsersAction[_Parser]) -> None:
    def command(options: argparse.Namespace) -> int:
        from .probe import probe

        return probe(options)

    parser = commands.add_parser(
        "probe",
        help="ask the platform itself whether the contract holds",
        description="Ask the deployed function of examples/contract_probe about every row of docs/contract.md.",
        epilog="PROBE_TOKEN in the environment is the token that the function was deployed with. Exits with status 1 "
        "when a row differs.",
    )
    parser.set_defaults(command=command, parser=parser, name="probe")
    parser.add_argument("url", metavar="URL", help="the function's address on the default domain")
    parser.add_argument("--custom-domain", metavar="URL", help="its address on a custom domain, for what differs there")
    parser.add_argument("--json", metavar="FILE", help="write a report with the evidence, to attach it to an issue")
    parser.add_argument(
        "--timeout", type=_seconds, default=60.0, metavar="SECONDS", help="to wait for an answer (default: %(default)g)"
    )


def _add_init(commands: argparse._SubParsersAction[_Parser]) -> None:
    """Add ``fc-adapter init`` to the commands."""

    def command(options: argparse.Namespace) -> int:
        from ..project.init import init

        return init(options)

    parser = commands.add_parser(
        "init",
        help="write what a project needs to become a function",
        description="Find the app of the project in this directory, and write index.py, s.yaml and .fcignore for it.",
        epilog="Nothing is overwritten, and nothing of the project is imported.",
    )
    parser.set_defaults(command=command, parser=parser, name="init")
    parser.add_argument(
        "--app", metavar="MODULE:APP", help="the application, such as shop.app:app or shop:create_app()"
    )
    parser.add_argument("--name", dest="function", help="function name (default: directory name)")
    parser.add_argument("--region", default="cn-hangzhou", help="region to deploy to (default: %(default)s)")
    parser.add_argument(
        "--runtime", metavar="pythonX.Y", help="runtime to deploy to: python3.9, python3.10 or python3.12"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the files instead of writing them")


def _add_build(commands: argparse._SubParsersAction[_Parser]) -> None:
    """Add ``fc-adapter build`` to the commands."""

    def command(options: argparse.Namespace) -> int:
        from ..project.build import build

        return build(options)

    parser = commands.add_parser(
        "build",
        help="put the packages beside the code, for the runtime",
        description="Install what the project requires beside the code, for the runtime of s.yaml, with bytecode.",
        epilog="A build that fails or is interrupted changes nothing; when nothing has changed, there is none. "
        "The settings of uv and pip apply, such as UV_INDEX_URL and PIP_INDEX_URL.",
    )
    parser.set_defaults(command=command, parser=parser, name="build")
    parser.add_argument("--template", metavar="FILE", help="instead of s.yaml or s.yml")
    parser.add_argument("--resource", metavar="NAME", help="which function of the template")
    parser.add_argument("--runtime", metavar="pythonX.Y", help="build for this one instead, or without an s.yaml")
    parser.add_argument(
        "--requirements",
        metavar="FILE",
        action="append",
        default=[],
        help="instead of requirements.txt, or pyproject.toml with its uv.lock; may be repeated",
    )
    parser.add_argument("--index-url", metavar="URL", help="the package index, such as a mirror")
    parser.add_argument(
        "--no-binary",
        metavar="NAME",
        action="append",
        default=[],
        help="build this package here, from its source; may be repeated",
    )
    parser.add_argument("--no-bytecode", action="store_true", help="leave Python to compile at each cold start")
    parser.add_argument("--no-import", action="store_true", help="do not time the handler's import, which runs code")
    parser.add_argument("--force", action="store_true", help="build although nothing has changed: for newer versions")
    parser.add_argument("--zip", metavar="FILE", help="write the archive for an upload in the console")
    parser.add_argument(
        "--layer", metavar="FILE", help="write the packages as the archive of a layer; --zip is then without them"
    )


def _add_doctor(commands: argparse._SubParsersAction[_Parser]) -> None:
    """Add ``fc-adapter doctor`` to the commands."""

    def command(options: argparse.Namespace) -> int:
        from ..project.doctor import doctor

        return doctor(options)

    parser = commands.add_parser(
        "doctor",
        help="check a project before it is deployed",
        description="Check the function that s.yaml describes, and the packages beside it, before they are deployed.",
        epilog="Exits with status 1 when there are errors.",
    )
    parser.set_defaults(command=command, parser=parser, name="doctor")
    parser.add_argument("--template", metavar="FILE", help="instead of s.yaml or s.yml")
    parser.add_argument("--resource", metavar="NAME", help="which function of the template")
    parser.add_argument("--runtime", metavar="pythonX.Y", help="check for this one instead")
    parser.add_argument("--no-import", action="store_true", help="do not run the code: no import, no hooks, no request")
    parser.add_argument(
        "--ignore",
        metavar="CHECK",
        action="append",
        default=[],
        help="leave out a check, such as size",
    )
    parser.add_argument("--verbose", action="store_true", help="show whole tracebacks, too")
    parser.add_argument("--strict", action="store_true", help="exit with status 1 for warnings, too")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def _add_request_arguments(parser: _Parser, *, optional: bool) -> None:
    parser.takes_request = True
    method = "GET if left out, or POST with -d" if optional else "such as GET"
    parser.add_argument("method", metavar="METHOD", nargs="?" if optional else None, help=method)
    parser.add_argument("url", metavar="URL", nargs="?" if optional else None, help="/path?query, or a whole URL")
    parser.add_argument(
        "-H", "--header", metavar="'K: V'", action="append", default=[], help="a request header; may be repeated"
    )
    parser.add_argument(
        "-d",
        "--data",
        metavar="DATA|@FILE",
        help="the body, or the file that holds it ('@-': standard input); it is a form unless a Content-Type is given",
    )


def _add_function_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--template", metavar="FILE", help="template to read (default: s.yaml in this directory)")
    parser.add_argument("--resource", metavar="NAME", help="function of the template (serve: default all)")
    parser.add_argument("--runtime", metavar="pythonX.Y", help="runtime whose context object is used")
    parser.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="timeout in seconds")
    parser.add_argument("--memory", type=_positive, metavar="MB", help="memory limit in MB")
    parser.add_argument("--initializer", metavar="HANDLER", help="the Initializer hook, such as index.initialize")
    parser.add_argument("--pre-stop", metavar="HANDLER", help="the PreStop hook, such as index.pre_stop")
    parser.add_argument(
        "--env", metavar="NAME=VALUE", action="append", default=[], help="environment variable; may be repeated"
    )
    parser.add_argument(
        "--env-file", metavar="FILE", action="append", default=[], help="a file of NAME=VALUE lines; may be repeated"
    )


def _add_custom_domain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--custom-domain", action="store_true", help="respond as on a custom domain, without the forced download"
    )


def _number(text: str, convert: Callable[[str], Any], low: float, high: float, expected: str) -> Any:
    try:
        number = convert(text)
    except ValueError:
        number = None
    if number is None or not low <= number <= high:
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
    return number


def _positive(text: str) -> Any:
    return _number(text, int, 1, 1_000_000, "a whole number from 1 up")


def _seconds(text: str) -> Any:
    return _number(text, float, 0.001, 1_000_000, "a number of seconds above 0")


def _token(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._~-]{16,200}", text):  # for an address, a cookie and a header
        raise argparse.ArgumentTypeError("expected 16 to 200 letters, digits, '-', '.', '_' or '~'")
    return text


def _port(text: str) -> Any:
    return _number(text, int, 0, 65535, "a port from 0 to 65535")


_BOOLEANS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off", ""), False),
}


def _read_environment(parser: argparse.ArgumentParser) -> None:
    """Take the defaults of the options from FC_ADAPTER_* variables, where these are set."""
    for action in parser._actions:
        variable = f"FC_ADAPTER_{action.dest.upper()}"
        value = os.environ.get(variable)
        if value is None or not action.option_strings or action.dest == "help":
            continue
        try:
            if action.nargs == 0:
                action.default = _parse_boolean(value)
            elif isinstance(action.default, list):
                action.default = [value]
            else:
                action.default = action.type(value) if callable(action.type) else value
        except argparse.ArgumentTypeError as error:
            parser.error(f"{variable}: {error}")


def _parse_boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"expected 1 or 0, got {text!r}") from None
