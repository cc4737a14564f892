"""README and docs: what they show is run, what they link to is there, and what they say of options and errors holds."""

from __future__ import annotations

import ast
import json
import shutil
import sys
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest
import yaml

from tests.pages import ROOT, read_page
from tests.shell import Shell, find_difference, is_not_run, is_server, split_commands, split_session

SCHEMA = json.loads((ROOT / "tests" / "data" / "fc3-props.schema.json").read_text(encoding="utf-8"))

RUN_PAGES = [read_page(path) for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")))]
PAGES = [read_page(path) for path in (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")))]

COMMANDS = {"sh", "console"}
INERT = {"", "text", "diff", "html", "http", "ini", "toml", "dockerfile"}  # nothing in these can be run


def sections():
    return [pytest.param(section, id=section.id) for page in RUN_PAGES for section in page.sections if section.blocks]


# ---- running ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", sections())
def test_section_does_what_it_shows(section, tmp_path):
    directory = tmp_path / "code"
    directory.mkdir()
    for outer in section.outer:
        for block in outer.blocks:
            write_file(block, directory)
    with Shell(directory) as shell:
        logs = [run_commands(block, section, shell) for block in section.blocks]
        program = [(section.page.name, block.line, block.code) for block in section.blocks if is_program(block)]
        program += [(name, 1, f"import {name}") for name in modules_to_import(section)]
        if program:
            status, printed = shell.run_blocks(program)
            assert status == 0, f"{section.id}:\n{printed}"
        log = shell.stop_server()
    for expected in filter(None, logs):
        difference = find_difference(expected, log)
        assert not difference, f"{section.id}: the server wrote\n{difference}"


def is_program(block):
    return block.language == "python" and not block.file and not block.skipped


def write_file(block, directory):
    """Put the file or the files that ``block`` is there."""
    if block.copied:
        shutil.copytree(ROOT / block.copied, directory, dirs_exist_ok=True)
    elif block.file and not block.skipped:
        path = directory / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.code, encoding="utf-8")


def run_commands(block, section, shell):
    """Write or run one block. Returns what the page shows of a server's log, which is complete at its end only."""
    write_file(block, shell.directory)
    log = ""
    if block.file or block.skipped:
        return log
    where = f"{section.page.name}:{block.line}"
    if block.language == "sh":
        status, printed = shell.run(split_commands(block.code))
        assert status == 0, f"{where}:\n{printed}"
    elif block.language == "console":
        for command, expected in split_session(block.code):
            if is_not_run(command):
                continue
            if is_server(command):
                log, expected = expected, ""
            _, printed = shell.run(split_commands(command))
            difference = find_difference(expected, printed)
            assert not difference, f"{where}: {command}{difference}"
    return log


def modules_to_import(section):
    """The modules among the section's files that its commands do not name: they are imported, and so have been run."""
    commands = "\n".join(block.code for block in section.blocks if block.language in COMMANDS and not block.file)
    for block in section.blocks:
        path = PurePosixPath(block.file)
        if path.suffix != ".py" or block.skipped or path.stem in commands:
            continue
        if path.name.startswith("test_"):
            assert "pytest" in commands, f"{section.id}: nothing runs {path}"
        else:
            yield ".".join(path.with_suffix("").parts)


# ---- code that is not run --------------------------------------------------------------------------------------------


def blocks(*languages):
    """The blocks of all pages that are in one of ``languages``, hidden ones too."""
    found = [(page, block) for page in RUN_PAGES for block in page.blocks if not block.copied]
    return [
        pytest.param(block, id=f"{page.name}:{block.line}")
        for page, block in found
        if block.language in languages
    ]


@pytest.mark.parametrize("page", RUN_PAGES, ids=lambda page: page.name)
def test_languages_are_known(page):
    known = {"python", "yaml", "json", *COMMANDS, *INERT}
    assert {block.language for block in page.blocks} <= known


@pytest.mark.parametrize("block", blocks("python"))
def test_python_is_python(block):
    compile(block.code, block.file or "block", "exec")


@pytest.mark.parametrize("block", blocks("json"))
def test_json_is_json(block):
    json.loads(block.code)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_yaml_is_a_template_or_a_part_of_one(block):
    document = yaml.safe_load(block.code)
    if "jobs" in document:  # a workflow of GitHub Actions
        return
    resources = document.get("resources", {"fragment": {"component": "fc3", **document}})
    schema = SCHEMA if "resources" in document else {**SCHEMA, "required": []}
    for resource in resources.values():
        if resource["component"] == "fc3":
            props = resource.get("props") or {key: value for key, value in resource.items() if key != "component"}
            jsonschema.validate(props, schema, jsonschema.Draft7Validator)
            assert set(props) <= set(SCHEMA["properties"])


# ---- links -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    broken = [f"{page.name}:{line}: {target}" for line, target in page.links if not leads_somewhere(page, target)]
    assert not broken


def leads_somewhere(page, target):
    """Whether a link leads to a file of the project and a heading in it, or is https."""
    url = urlsplit(target)
    if url.scheme or url.netloc:
        return url.scheme == "https" and "." in url.netloc
    path = (page.path.parent / unquote(url.path)).resolve() if url.path else page.path
    if not path.exists() or not path.is_relative_to(ROOT):
        return False
    return not url.fragment or unquote(url.fragment) in read_page(path).anchors
