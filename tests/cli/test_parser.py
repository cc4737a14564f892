"""The options of the commands, and what the documentation says of them."""

from __future__ import annotations

import inspect
import re

import pytest

from fc_adapter.cli.parser import build_parser
from fc_adapter.runner.platform import LocalPlatform
from tests.support.pages import ROOT


def find_parser(command):
    [commands] = [action for action in build_parser()._actions if action.choices]
    return commands.choices[command]


@pytest.mark.parametrize("page", ["docs/runner.md", "docs/zh-CN/runner.md"])
@pytest.mark.parametrize("command", ["serve", "replay", "invoke", "event"])
def test_every_option_is_documented(command, page):
    tables = re.split("\n## (?:All options|全部选项)\n", (ROOT / page).read_text(encoding="utf-8"))[1].partition(
        "\n## "
    )[0]
    documented = set(re.findall(r"(?<![\w-])--?[a-zA-Z][a-z-]*", tables))
    options = {text for action in find_parser(command)._actions for text in action.option_strings}
    assert options - documented == {"-h", "--help"}


def test_instances_are_as_many_as_in_tests():
    default = inspect.signature(LocalPlatform).parameters["instances"].default
    assert find_parser("serve").get_default("instances") == default
