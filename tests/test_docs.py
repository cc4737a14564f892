"""README and docs: what they show is run, what they link to is there, and what they say of the code holds."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shutil
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest
import yaml

import fc_adapter
from fc_adapter.cli import run
from fc_adapter.contract.rules import (
    HOP_BY_HOP_HEADERS,
    LIMITS,
    RESERVED_REQUEST_HEADERS,
    RESERVED_RESPONSE_HEADERS,
    TEXT_TYPES,
)
from tests.conftest import SCHEMA
from tests.support.pages import ROOT, read_page
from tests.support.shell import Shell, find_difference, find_missing, is_server, split_commands, split_session

PROPS = json.loads(SCHEMA.read_text(encoding="utf-8"))

RUN_PAGES = [read_page(path) for path in (*sorted(ROOT.glob("README*.md")), *sorted(ROOT.glob("docs/**/*.md")))]
PAGES = [read_page(path) for path in (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")))]

# Of these, only what is said to be a file is run.
INERT = {"", "files", "text", "diff", "html", "http", "ini", "toml", "dockerfile"}


def named(page):
    """The page's name, as a test's."""
    return page.name


# ---- running ---------------------------------------------------------------------------------------------------------


def sections_to_run():
    """What shows something, without the sections of translations whose code is the English one's to the letter."""
    sections = {}
    for section in [section for page in RUN_PAGES for section in page.sections if section.blocks]:
        files = [block for outer in section.outer for block in outer.blocks if block.file or block.language == "files"]
        run = tuple(tuple(block._replace(line=0) for block in blocks) for blocks in (files, section.blocks))
        sections.setdefault(run, section)
    return [pytest.param(section, id=section.id) for section in sections.values()]


@pytest.mark.parametrize("section", sections_to_run())
def test_section_does_what_it_shows(section, tmp_path):
    run_section(section, tmp_path)


def run_section(section, tmp_path):
    """Do all that a section shows, in a directory of its own. Fails where something else comes of it."""
    directory = tmp_path / "code"
    directory.mkdir()
    for outer in section.outer:
        for block in outer.blocks:
            write_files(block, directory)
    with Shell(directory) as shell:
        logs = [log for block in section.blocks for log in run_block(block, section, shell)]
        program = [(section.page.name, block.line, block.code) for block in section.blocks if is_program(block)]
        program += [(name, 1, f"import {name}") for name in modules_to_import(section)]
        if program:
            status, printed = shell.run_blocks(program)
            assert status == 0, f"{section.id}:\n{printed}"
        log = shell.stop_server()
    for expected in logs:
        missing = find_missing(expected, log)
        assert not missing, f"{section.id}: the server did not write {missing}, but\n{log}"


def is_program(block):
    """Whether the block is a part of the section's program."""
    return block.language == "python" and not block.file and not block.skipped


def write_files(block, directory):
    """Put the files there that ``block`` stands for."""
    if block.language == "files":
        shutil.copytree(ROOT / block.code, directory, dirs_exist_ok=True)
    elif block.file and not block.skipped:
        path = directory / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.code, encoding="utf-8")


def run_block(block, section, shell):
    """Write or run a block. Gives what the page shows of a server's log, which is complete at its end only."""
    write_files(block, shell.directory)
    if block.file or block.skipped:
        return
    where = f"{section.page.name}:{block.line}"
    if block.language == "sh":
        status, printed = shell.run(split_commands(block.code))
        assert status == 0, f"{where}:\n{printed}"
    elif block.language == "console":
        for command, expected in split_session(block.code):
            _, printed = shell.run(split_commands(command))
            if is_server(command):
                yield expected
            else:
                difference = find_difference(expected, printed)
                assert not difference, f"{where}: {command}{difference}"


def modules_to_import(section):
    """The modules among the section's files that its commands do not name: they are imported, and so have been run."""
    blocks = [block for block in section.blocks if not block.skipped]
    commands = "\n".join(block.code for block in blocks if block.language in ("sh", "console") and not block.file)
    for block in blocks:
        path = PurePosixPath(block.file)
        if path.suffix == ".py" and path.stem not in commands:
            assert "pytest" in commands or not path.name.startswith("test_"), f"{section.id}: nothing runs {path}"
            yield ".".join(path.with_suffix("").parts)


# What pages could show, and what is noticed of it.
WRONG = {
    "a program that fails": ("```python\nassert 1 == 2\n```", 'page.md", line 4, in <module>'),
    "a command that fails": ("```sh\nfc-adapter event GET nowhere\nfc-adapter event GET /\n```", "must begin with /"),
    "a shell's command that fails": ("```sh\nfalse | true\nfc-adapter serve nowhere:handler\n```", "page.md:4"),
    "other output": ("```console\n$ fc-adapter --version\nfc-adapter 9\n```", "[+] fc-adapter "),
    "more output": ("```console\n$ printf 'a\\nb\\n'\na\n$ true\n```", "[+] b"),
    "another log": (
        "<!-- file: index.py\ndef handler(event, context):\n    return 'hello'\n-->\n"
        "```console\n$ fc-adapter serve index:handler\nnothing\n```",
        "the server did not write ['nothing']",
    ),
    "a server that does not start": ("```sh\ntrue\nfc-adapter serve nowhere:handler\n```", "no module named 'nowhere'"),
    "a module that cannot be imported": ("<!-- file: broken.py\n1 / 0\n-->", "ZeroDivisionError"),
    "tests that nobody runs": ("<!-- file: test_it.py -->\n```python\n```", "nothing runs test_it.py"),
}


@pytest.mark.parametrize(("shown", "noticed"), WRONG.values(), ids=WRONG)
def test_section_that_shows_something_else_fails(shown, noticed, tmp_path):
    page = make_page(tmp_path, f"# Title\n\n{shown}\n")
    with pytest.raises(AssertionError, match=re.escape(noticed).replace(r"\[\+\]", r"\+")):
        run_section(page.sections[-1], tmp_path)


def make_page(directory, text):
    path = directory / "page.md"
    path.write_text(text, encoding="utf-8")
    return read_page(path)


# ---- code as it stands -----------------------------------------------------------------------------------------------


def blocks(*languages):
    """The blocks of all pages that are in one of ``languages``, hidden ones too."""
    return [
        pytest.param(block, id=f"{page.name}:{block.line}")
        for page in RUN_PAGES
        for block in page.blocks
        if block.language in languages
    ]


@pytest.mark.parametrize("page", RUN_PAGES, ids=named)
def test_languages_are_known(page):
    assert {block.language for block in page.blocks} <= {"python", "sh", "console", "yaml", "json", *INERT}


@pytest.mark.parametrize("block", blocks("python"))
def test_python_is_python(block):
    compile(block.code, block.file or "block", "exec")


@pytest.mark.parametrize("block", blocks("json"))
def test_json_is_json(block):
    json.loads(block.code)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_yaml_is_a_template_or_a_part_of_one(block):
    check_yaml(block.code)


def check_yaml(text):
    """Check a template, some of a function's props, or a workflow of CI, of which nothing more is known."""
    document = yaml.safe_load(text)
    is_part = not {"resources", "jobs"} & set(document)
    resources = {"": {"component": "fc3", "props": document}} if is_part else document.get("resources", {})
    schema = {key: PROPS[key] for key in ("definitions", "properties")} if is_part else PROPS
    for props in [each["props"] for each in resources.values() if each["component"] == "fc3"]:
        jsonschema.validate(props, schema, jsonschema.Draft7Validator)
        assert set(props) <= set(PROPS["properties"])


@pytest.mark.parametrize("text", ["timeout: soon", "time: 3", "resources: {a: {component: fc3, props: {timeout: 3}}}"])
def test_yaml_that_is_no_template_fails(text):
    with pytest.raises((jsonschema.ValidationError, AssertionError)):
        check_yaml(text)


@pytest.mark.parametrize(
    "text", ["<!-- test: skip -->\n", "<!-- file:a.py -->\n", "<!-- file: a.py -->\n", "<!-- python -->\n"]
)
def test_comments_that_say_nothing_fail(tmp_path, text):
    with pytest.raises(ValueError, match=r"page\.md"):
        make_page(tmp_path, text)


# ---- links -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page):
    broken = [f"{page.name}:{line}: {target}" for line, target in page.links if not leads_somewhere(page, target)]
    assert not broken


def leads_somewhere(page, target):
    """Whether a link leads to a file of the project and a heading in it, or is https."""
    url = urlsplit(target)
    if url.scheme or url.netloc:
        return url.scheme == "https" and "." in url.netloc
    path = (page.path.parent / unquote(url.path)).resolve() if url.path else page.path
    return path.exists() and (not url.fragment or unquote(url.fragment) in read_page(path).anchors)


def test_links_that_lead_nowhere_are_noticed(tmp_path):
    page = make_page(
        tmp_path,
        "# A `title` (one)\n# A title, one\n[a](#a-title-one) [b](#a-title-one-1) [c](page.md#a-title-one)\n"
        '[d](https://example.com/) <img src="page.md"> ![e](page.md)\n\n<p><a href="page.md">f</a></p>\n\n'
        "`http://example.com/` is code, http://example.com/ is not, [nor](http://example.com/ 'title')\n"
        '[g](#a-title) [h](other.md) [i](https://localhost/) <img src="x.png">\n\n<p><img src="y.png"></p>\n',
    )
    broken = [target for _, target in page.links if not leads_somewhere(page, target)]
    insecure = "http://example.com/"
    assert broken == [insecure, insecure, "#a-title", "other.md", "https://localhost/", "x.png", "y.png"]
    assert len(page.links) == len(broken) + 7


# ---- what the pages say of the code ----------------------------------------------------------------------------------


def text_of(*pages):
    """The text of pages, in which lines may break anywhere."""
    return " ".join(" ".join(page.path.read_text(encoding="utf-8").split()) for page in pages)


def page_of_docs(name):
    return read_page(ROOT / "docs" / name)


def raised_texts(path):
    """The longest fixed part of the message of each ConfigError that a module raises."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        error = getattr(node, "exc", None)
        if isinstance(error, ast.Call) and error.func.id in ("ConfigError", "NotFoundError"):
            parts = [part.value for part in ast.walk(error.args[0]) if isinstance(part, ast.Constant)]
            yield max((part for part in parts if isinstance(part, str)), key=len).strip(" .:;,(")


@pytest.mark.parametrize("name", ["troubleshooting.md", "zh-CN/troubleshooting.md"])
@pytest.mark.parametrize("module", ["application", "handler", "options"])
def test_troubleshooting_knows_what_wrap_refuses(module, name):
    known = text_of(page_of_docs(name))
    texts = list(raised_texts(ROOT / "fc_adapter" / f"{module}.py"))
    assert texts
    assert not [text for text in texts if text not in known]


# What people type into a search.
SYMPTOMS = {
    "troubleshooting.md": "'FCContext' object is not callable|ImportModuleError|502|times out|downloads|cookies|"
    "garbled|CORS|WeChat|Alipay|corrupted|413|disappear|Event loop is closed|request id",
    "zh-CN/troubleshooting.md": "'FCContext' object is not callable|ImportModuleError|502|超时|下载|Cookie|乱码|跨域|"
    "微信|支付宝|损坏|413|丢失|Event loop is closed|请求 ID|Function timed out after",
}


@pytest.mark.parametrize("name", SYMPTOMS)
def test_symptoms_have_headings(name):
    headings = "\n".join(section.title for section in page_of_docs(name).sections)
    assert not [symptom for symptom in SYMPTOMS[name].split("|") if symptom not in headings]


@pytest.mark.parametrize("name", ["runner.md", "zh-CN/runner.md"])
@pytest.mark.parametrize("command", ["serve", "replay", "invoke", "event"])
def test_runner_names_every_option(command, name, capsys):
    with pytest.raises(SystemExit):
        run([command, "--help"])
    options = set(re.findall(r"(?<!\S)--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert len(options) > 1
    known = text_of(page_of_docs(name))
    assert not [option for option in options if f"`{option}" not in known]


def test_contract_names_every_rule():
    text = text_of(page_of_docs("contract.md")).lower()
    names = HOP_BY_HOP_HEADERS | RESERVED_REQUEST_HEADERS | RESERVED_RESPONSE_HEADERS | TEXT_TYPES
    assert not [name for name in names if f"`{name}`" not in text]
    limits = [f"{size >> 20} mb" if size >= 1 << 20 else f"{size >> 10} kb" for size in LIMITS.values()]
    assert not [limit for limit in limits if f"| {limit}" not in text]


def test_a_page_names_every_option_of_wrap():
    text = text_of(*RUN_PAGES)
    options = list(inspect.signature(fc_adapter.wrap).parameters)[1:]
    assert not [option for option in options if f"| `{option}` |" not in text]


# ---- translations ----------------------------------------------------------------------------------------------------

# Pages and pictures of a language have its name in theirs: README.zh-CN.md, docs/zh-CN/deploy.md.
LANGUAGE = re.compile(r"[./](zh-CN)\b")
TRANSLATIONS = [page for page in PAGES if LANGUAGE.search(page.name)]
COMMENT = re.compile(r"(^|\s+)#.*$", re.MULTILINE)


@pytest.mark.parametrize("page", TRANSLATIONS, ids=named)
def test_translations_show_the_same(page):
    english = read_page(ROOT / english_name(page.path))
    assert page.names ^ english.names == set(), f"in code in one of {page.name} and {english.name} only"
    assert outline(page) == outline(english)


@pytest.mark.parametrize("page", TRANSLATIONS, ids=named)
def test_translations_link_to_translations(page):
    translated = {english_name(each.path) for each in TRANSLATIONS} - {english_name(page.path)}
    links = [(line, linked_file(page, target)) for line, target in page.links]
    assert not [f"{page.name}:{line}: {file}" for line, file in links if file and file in translated]


def outline(page):
    """What is the same in every language: headings, code but for its comments, names, and the pages it links to."""
    linked = {english_name(ROOT / file) for _, target in page.links if (file := linked_file(page, target))}
    return (
        [section.level for section in page.sections],
        [(block.language, COMMENT.sub("", block.code)) for block in page.blocks],
        page.names,
        linked - {english_name(page.path)},
    )


def linked_file(page, target):
    """The file of the project that ``page`` links to, from the project's root; ``""`` for all else."""
    url = urlsplit(target)
    path = (page.path.parent / unquote(url.path)).resolve()
    return path.relative_to(ROOT).as_posix() if url.path and not url.scheme and path.is_relative_to(ROOT) else ""


def english_name(path):
    """The file in English of which ``path`` is a translation, or ``path`` itself, from the project's root."""
    return LANGUAGE.sub("", path.relative_to(ROOT).as_posix())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("## More", "### More"),
        ("serve --reload", "serve"),
        ("| `interface` |", "| `kind` |"),
        ("](LICENSE)", "](CHANGELOG.md)"),
    ],
)
def test_translation_that_shows_something_else_is_noticed(tmp_path, old, new):
    readme = read_page(ROOT / "README.md")
    text = readme.path.read_text(encoding="utf-8")
    assert old in text
    changed = make_page(tmp_path, text.replace(old, new))
    assert outline(changed._replace(path=readme.path)) != outline(readme)
