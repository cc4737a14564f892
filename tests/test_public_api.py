"""The public names, and how they are called: whoever changes one of these changes the table, and tells users."""

from __future__ import annotations

import inspect
import re
from importlib import import_module

import pytest

from fc_adapter import wrap
from fc_adapter.cli import run

NAMES = {
    "fc_adapter": [
        "AdapterError",
        "AppError",
        "ConfigError",
        "DeadlineError",
        "EventError",
        "Handler",
        "Invocation",
        "RequestIdFilter",
        "current_invocation",
        "detached",
        "wrap",
    ],
    "fc_adapter.runner": ["serve"],
    "fc_adapter.testing": ["Client", "Transport"],
}

# What stands between the parentheses, without the types.
SIGNATURES = {
    "fc_adapter:wrap": (
        "app, *, interface='auto', lifespan='auto', base_path='', split_query=(), text_types=(), on_error='respond', "
        "on_other_event=None, background_timeout=10.0, deadline_margin=None, flush=()"
    ),
    "fc_adapter:Handler.__call__": "self, event, context=None",
    "fc_adapter:Handler.initialize": "self, context=None",
    "fc_adapter:Handler.pre_stop": "self, context=None",
    "fc_adapter:current_invocation": "",
    "fc_adapter:detached": "",
    "fc_adapter.runner:serve": "handler, *, port=0, log=None, observe=None, **options",
    "fc_adapter.runner.platform:LocalPlatform": (
        "function, *, host='127.0.0.1', port=9000, instances=10, freeze=True, in_process=False, custom_domain=False, "
        "facts=None, idle_seconds=300.0, observer=None"
    ),
    "fc_adapter.testing:Client": "handler, *, context=None, custom_domain=False",
    "fc_adapter.testing:Client.open": (
        "self, *args, files=None, params=None, cookies=None, content=None, subdomain='', url_scheme='', **kwargs"
    ),
    "fc_adapter.testing:Transport": "handler, *, context=None, custom_domain=False",
}

# What their classes have beside what they inherit from other packages.
MEMBERS = {
    "fc_adapter:Handler": ["initialize", "pre_stop"],
    "fc_adapter:Invocation": ["context", "event", "request_id"],
    "fc_adapter:RequestIdFilter": ["filter"],
    "fc_adapter.runner.platform:LocalPlatform": ["close", "start"],
    "fc_adapter.testing:Client": ["open", "renew", "run_wsgi_app"],
    "fc_adapter.testing:Transport": ["handle_async_request", "handle_request"],
    "fc_adapter.testing.client:TestResponse": ["error", "event", "result"],
}

BASES = {
    "AdapterError": "Exception",
    "AppError": "AdapterError, RuntimeError",
    "ConfigError": "AdapterError, ValueError",
    "DeadlineError": "AppError",
    "EventError": "AdapterError, ValueError",
}

FUNCTION_OPTIONS = (
    "[--template FILE] [--resource NAME] [--runtime pythonX.Y] [--timeout SECONDS] [--memory MB] "
    "[--initializer HANDLER] [--pre-stop HANDLER] [--env NAME=VALUE] [--env-file FILE]"
)

# What follows the names of the command line's commands.
COMMANDS = {
    "": "[-h] [--version] COMMAND ...",
    "build": (
        "[-h] [--template FILE] [--resource NAME] [--runtime pythonX.Y] [--requirements FILE] [--index-url URL] "
        "[--no-binary NAME] [--no-bytecode] [--no-import] [--force] [--zip FILE] [--layer FILE]"
    ),
    "doctor": (
        "[-h] [--template FILE] [--resource NAME] [--runtime pythonX.Y] [--no-import] [--ignore CHECK] [--verbose] "
        "[--strict] [--json]"
    ),
    "event": "[-h] [-H 'K: V'] [-d DATA|@FILE] METHOD URL",
    "init": "[-h] [--app MODULE:APP] [--name FUNCTION] [--region REGION] [--runtime pythonX.Y] [--dry-run]",
    "invoke": "[-h] [-H 'K: V'] [-d DATA|@FILE] [--event FILE] [--result] [--custom-domain] TARGET [METHOD] [URL]",
    "probe": "[-h] [--custom-domain URL] [--json FILE] [--timeout SECONDS] URL",
    "replay": (
        "[-h] [--to URL] [--yes] [--ignore-header NAME] [--insensitive] [--target TARGET] "
        f"{FUNCTION_OPTIONS} FILE|DIR [FILE|DIR ...]"
    ),
    "serve": (
        f"[-h] [--host HOST] [--port PORT] {FUNCTION_OPTIONS} [--instances N] [--idle-timeout SECONDS] [--no-freeze] "
        "[--in-process] [--bundle] [--reload] [--record DIR] [--check PATH] [--inspect-port PORT] "
        "[--inspect-token TOKEN] [--inspect-history N] [--open] [--no-inspect] [--platform REPORT] "
        "[--custom-domain] [TARGET]"
    ),
}
LONG_OPTIONS = {"-H": "--header", "-d": "--data", "-h": "--help"}


def find(path):
    """What ``"package.module:attribute"`` names."""
    module, _, attributes = path.partition(":")
    found = import_module(module)
    for attribute in attributes.split("."):
        found = getattr(found, attribute)
    return found


@pytest.mark.parametrize("module", NAMES)
def test_names(module):
    assert sorted(import_module(module).__all__) == NAMES[module]
    for name in NAMES[module]:
        assert find(f"{module}:{name}")


@pytest.mark.parametrize("path", SIGNATURES)
def test_signature(path):
    parameters = inspect.signature(find(path)).parameters.values()
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    text = re.sub(r"<function .*? at 0x\w+>", "...", str(inspect.Signature(bare)))
    assert text == f"({SIGNATURES[path]})"


@pytest.mark.parametrize("path", MEMBERS)
def test_members(path):
    ours = [base for base in find(path).__mro__ if base.__module__.startswith("fc_adapter")]
    members = {name for base in ours for name in vars(base) if not name.startswith("_")}
    assert sorted(members) == MEMBERS[path]


def test_nothing_else_of_a_handler_is_public():
    assert [name for name in vars(wrap(lambda environ, start_response: [])) if not name.startswith("_")] == []


@pytest.mark.parametrize("name", BASES)
def test_errors(name):
    assert ", ".join(base.__name__ for base in find(f"fc_adapter:{name}").__bases__) == BASES[name]


def test_commands(capsys):
    with pytest.raises(SystemExit):
        run(["--help"])
    assert {"", *re.findall(r"(?m)^    (\w+) ", capsys.readouterr().out)} == {*COMMANDS}


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command, capsys):
    with pytest.raises(SystemExit):
        run([*command.split(), "--help"])
    text = capsys.readouterr().out
    usage = " ".join(text.partition("\n\n")[0].split())
    assert usage == " ".join(["usage: fc-adapter", *command.split(), COMMANDS[command]])
    for short, long in LONG_OPTIONS.items():
        assert (f"[{short}" in usage) == (long in text.partition("\n\n")[2])
