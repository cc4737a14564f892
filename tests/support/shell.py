"""A shell for the commands of the project's pages: quick ones in copies of a process that has the frameworks loaded."""

from __future__ import annotations

import atexit
import contextlib
import doctest
import multiprocessing
import os
import re
import runpy
import shlex
import signal
import subprocess
import sys
import traceback
import warnings

from tests.support.server import Server

# Commands that are not run, and why.
NOT_RUN = {
    r"(\S*/)?(python[\d.]*|pip|uv)( -m)? (pip|venv|install|add|sync)\b": "takes packages from the network",
    r"s( |$)": "Serverless Devs, which needs the cloud",
    r"npm ": "takes packages from the network",
    r"git clone ": "takes the project from the network",
    r"(uvicorn|gunicorn|hypercorn|flask) ": "a server of another project",
    r"fc-adapter build": "takes packages from the network",
    r"fc-adapter doctor": "finds fault with a project whose packages only the network has",
    r"curl [^|]*\bhttps://": "a function in the cloud",
    r"fc-adapter replay .*--to https://": "a function in the cloud",
    r"fc-adapter probe https://": "a function in the cloud",
}

# What differs from one run to the next, and what stands for it.
VARYING = (
    (r"1-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{12}", "REQUEST-ID"),
    (r"\bc-[0-9a-f]{8}", "INSTANCE"),
    (r"\b\d+ ms", "TIME"),
    (r"\bin \d+\.\d+s", "TIME"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r'(?<="timeEpoch": )"\d+"', "TIME"),
    (r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", "TIME"),
    (r"python3\.\d+", "PYTHON"),
    (r"(?<=http://127\.0\.0\.1:)\d+", "PORT"),
)

_PATIENCE = 60  # seconds, for what takes one at most on a machine that is not busy

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "django.core.handlers.asgi",
        "django.core.handlers.wsgi",
        "fastapi",
        "fc_adapter.asgi",
        "fc_adapter.cli.serve",
        "fc_adapter.cli.invoke",
        "fc_adapter.testing.client",
        "fc_adapter.testing.transport",
        "fc_adapter.wsgi",
        "flask",
        "pytest",
        "tests.support.shell",
        "yaml",
    ]
)

# Any free port, for the runner and its pages; the tests of the pages load no plugins, which take longer than they do.
_ENVIRONMENT = {
    "COLUMNS": "80",
    "FC_ADAPTER_PORT": "0",
    "FC_ADAPTER_INSPECT_PORT": "0",
    "PYTEST_ADDOPTS": "-p no:cacheprovider -W error",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
_QUOTED = re.compile("'[^']*'" + r'|"[^"$`]*"')
_BEYOND_WORDS = set("|<>&;$`*()~'\"")


def _is_not_run(command):
    """Whether ``command`` is one of NOT_RUN."""
    return any(re.match(pattern, command.strip()) for pattern in NOT_RUN)


def is_server(command):
    """Whether ``command`` serves until it is ended."""
    return command.startswith("fc-adapter serve") and "--check" not in command


def split_commands(script):
    """The commands of a script that are to be run: lines, but for comments, with those that end in ``\\`` joined."""
    lines = [line for line in script.replace("\\\n", " ").splitlines() if line.strip() and line.strip()[0] != "#"]
    return [line for line in lines if not _is_not_run(line)]


def split_session(session):
    """The commands of a console session that are to be run, each with what it has printed. ``$`` begins a command."""
    parts = [part.partition("\n") for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]]
    return [(command, printed) for command, _, printed in parts if not _is_not_run(command)]


def find_difference(expected, printed):
    """What differs between what a page shows and what came, or ``""``. In the former ``...`` stands for anything."""
    example = doctest.Example("", _put_names(expected))
    printed = _put_names(printed)
    if _CHECKER.check_output(example.want, printed, doctest.ELLIPSIS):
        return ""
    return _CHECKER.output_difference(example, printed, doctest.ELLIPSIS | doctest.REPORT_NDIFF)


def find_missing(expected, log):
    """The lines that a page shows of a log and that are not in it, in whatever order: two threads write it."""
    lines = [_put_names(line) for line in log.splitlines()]
    return [
        line
        for line in expected.splitlines()
        if not any(_CHECKER.check_output(_put_names(line), each, doctest.ELLIPSIS) for each in lines)
    ]


_CHECKER = doctest.OutputChecker()


def _put_names(text):
    """``text`` with names in place of what varies, and one line break at its end."""
    for pattern, name in VARYING:
        text = re.sub(pattern, name, text)
    return text.strip() + "\n"


class Shell:
    """Runs commands in ``directory``. A server that they start is there until the next one, or the end of ``with``."""

    def __init__(self, directory):
        self.directory = directory
        self._output = directory.parent / f"{directory.name}.output"
        self._tools = directory.parent / f"{directory.name}.tools"
        self._server = None

    def __enter__(self):
        self._tools.mkdir()
        for name, arguments in {"python": "", "python3": "", "fc-adapter": "-m fc_adapter"}.items():
            (self._tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
            (self._tools / name).chmod(0o755)
        return self

    def __exit__(self, *exc_info):
        self.stop_server()

    def run(self, commands):
        """Run commands up to the first that fails. Returns the last exit status, and what they have printed."""
        for number, command in enumerate(commands):
            if is_server(command):
                status, printed = self._run_script(commands[:number])
                if status:
                    return status, printed
                self._start_server(shlex.split(command, comments=True)[2:])
                return self.run(commands[number + 1 :])
        return self._run_script(commands)

    def run_blocks(self, blocks):
        """Run blocks of Python as one program. Returns its exit status, and what it has printed."""
        return self._fork(_run_blocks, blocks)

    def stop_server(self):
        """End the server, if there is one, and return what it has written."""
        server, self._server = self._server, None
        if server is None:
            return ""
        server.stop()
        return server.log

    def _start_server(self, arguments):
        self.stop_server()
        if "--port" in arguments:
            place = arguments.index("--port")
            del arguments[place : place + 2]
        self._server = Server(*arguments, cwd=self.directory, environment=_ENVIRONMENT)

    def _run_script(self, commands):
        programs = [_split_plain(command) for command in commands]
        if not all(programs):
            return self._run_bash("\n".join(commands))
        status, printed = 0, ""
        for name, *arguments in programs:
            status, output = self._fork(_run_python, ["-m", "fc_adapter"] * (name == "fc-adapter") + arguments)
            printed += output
            if status:
                break
        return status, printed

    def _run_bash(self, script):
        if self._server is not None:
            script = re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{self._server.port}", script)
        environment = {**os.environ, **_ENVIRONMENT, "PATH": f"{self._tools}{os.pathsep}{os.environ['PATH']}"}
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            encoding="utf-8",
            errors="backslashreplace",
        )
        try:
            printed, _ = process.communicate(timeout=_PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and whatever it has left behind
        return process.returncode, printed

    def _fork(self, function, *arguments):
        process = _CONTEXT.Process(target=function, args=(*arguments, str(self.directory), str(self._output)))
        process.start()
        process.join(_PATIENCE)
        if process.is_alive():  # pragma: no cover - a test fails
            process.kill()
            process.join()
        return process.exitcode, self._output.read_text(encoding="utf-8", errors="backslashreplace")


def _split_plain(command):
    """The words of ``command`` if it is a program of ours with nothing that only a shell understands, else none."""
    rest = _QUOTED.sub("", command.partition(" #")[0])
    is_plain = re.match(r"fc-adapter |python (-m |\S+\.py)", command) and not set(rest) & _BEYOND_WORDS
    return shlex.split(command, comments=True) if is_plain else []


# ---- in a process of its own -----------------------------------------------------------------------------------------


def _enter(directory, output):  # pragma: no cover - a forked process writes no coverage data
    """Let this process be one that was started in ``directory``, and writes into the file ``output``."""
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        os.dup2(file, number)
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    os.chdir(directory)
    os.environ.update(_ENVIRONMENT)
    sys.path.insert(0, directory)
    warnings.simplefilter("error")


def _run_python(arguments, directory, output):  # pragma: no cover - a forked process writes no coverage data
    _enter(directory, output)
    try:
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()


def _run_blocks(blocks, directory, output):  # pragma: no cover - a forked process writes no coverage data
    _enter(directory, output)
    namespace = {"__name__": "__main__"}
    try:
        for name, line, code in blocks:
            exec(compile("\n" * (line - 1) + code, name, "exec"), namespace)
    except BaseException:
        # Not by the multiprocessing module, whose traceback would show more of it than of the page.
        traceback.print_exc()
        os._exit(1)
    finally:
        atexit._run_exitfuncs()
