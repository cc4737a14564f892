"""The project's pages (Markdown) as the tests read them: headings, links, and the code in each section.

CONTRIBUTING.md has the conventions, which are HTML comments and so are not shown to readers.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
_MARKDOWN = MarkdownIt("commonmark").enable("table")
_COMMENT = re.compile(r"<!--\s*(.*?)\s*-->\s*", re.DOTALL)
_HIDDEN = re.compile(r"(file: (?P<file>\S+)|(?P<language>python|sh))\n(?P<code>.*)", re.DOTALL)
_OF_NEXT = re.compile(r"(?P<key>file|test): (skip: )?(?P<value>\S.*)")


class Block(NamedTuple):
    """Code on a page.

    - ``language``: what the page calls it, such as ``"python"``; ``"files"`` for a directory to be copied.
    - ``code``: the text, or the name of that directory.
    - ``line``: that of its first line in the page, from 1.
    - ``file``: the name of the file that it is, or ``""``.
    - ``skipped``: why it is not run, or ``""``.
    - ``is_hidden``: whether it stands in a comment.
    """

    language: str
    code: str
    line: int
    file: str = ""
    skipped: str = ""
    is_hidden: bool = False


class Section:
    """What is below one heading and above the next. ``outer``: the sections that it is in, from the whole page on."""

    def __init__(self, page, title, level):
        self.page, self.title, self.level = page, title, level
        before = page.sections[-1:]
        self.outer = [each for last in before for each in (*last.outer, last) if each.level < level]
        taken = [each.anchor for each in page.sections]
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        self.anchor = next(name for name in (slug, *(f"{slug}-{n}" for n in range(1, 99))) if name not in taken)
        self.blocks = []

    @property
    def id(self):
        """What pytest calls it."""
        return f"{self.page.name}#{self.anchor}"


class Page(NamedTuple):
    """A page as a whole.

    - ``sections``: they begin with what is above the first heading.
    - ``links``: pairs of a line's number and a target.
    - ``names``: what stands in the text as code, such as the names of options.
    """

    path: Path
    sections: list[Section]
    links: list[tuple[int, str]]
    names: set[str]

    @property
    def name(self):
        return Path(os.path.relpath(self.path, ROOT)).as_posix()

    @property
    def anchors(self):
        return {section.anchor for section in self.sections}

    @property
    def blocks(self):
        return [block for section in self.sections for block in section.blocks]


@cache
def read_page(path):
    """The page in the file ``path``. Raises ValueError, which names the line, for a comment that it misunderstands."""
    page = Page(path, [], [], set())
    page.sections.append(Section(page, "", 0))
    tokens = _MARKDOWN.parse(path.read_text(encoding="utf-8"))
    of_next = {}
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            page.sections.append(Section(page, _plain_text(tokens[index + 1]), int(token.tag[1:])))
        elif token.type == "inline":
            page.links.extend((token.map[0] + 1, target) for target in _find_links(token))
            page.names.update(child.content for child in token.children if child.type == "code_inline")
        elif token.type == "html_block":
            page.links.extend((token.map[0] + 1, target) for target in _find_html_links(token.content))
            of_next.update(_read_comments(page, token))
        elif token.type == "fence":
            block = Block(token.info.strip(), token.content, token.map[0] + 2, **of_next)
            page.sections[-1].blocks.append(block)
            of_next = {}
    if of_next:
        raise ValueError(f"{page.name}: no block comes after the last comment, {of_next}")
    return page


def _plain_text(inline):
    return "".join(child.content for child in inline.children if child.type in ("text", "code_inline"))


def _find_links(inline):
    """The targets of links and images, and what looks like a link in the text."""
    for child in inline.children:
        if child.type in ("link_open", "image"):
            yield child.attrs.get("href") or child.attrs["src"]
        elif child.type == "html_inline":
            yield from _find_html_links(child.content)
        elif child.type == "text":
            yield from re.findall(r"\bhttp://[^\s)]+", child.content)


def _find_html_links(html):
    return re.findall(r"""\b(?:href|src)=["']([^"']+)""", _COMMENT.sub("", html))


def _read_comments(page, token):
    """What the comments say of the block that comes next. The blocks that stand in the comments go to the page."""
    of_next = {}
    blocks = page.sections[-1].blocks
    for match in _COMMENT.finditer(token.content):
        text = match[1]
        line = token.map[0] + 1 + token.content[: match.start()].count("\n")
        hidden, of_block = _HIDDEN.fullmatch(text), _OF_NEXT.fullmatch(text)
        if hidden:
            code = hidden["code"] + "\n"
            blocks.append(Block(hidden["language"] or "", code, line + 1, hidden["file"] or "", is_hidden=True))
        elif text.startswith("files: "):
            blocks.append(Block("files", text[len("files: ") :], line, is_hidden=True))
        elif of_block:
            of_next["skipped" if of_block["key"] == "test" else "file"] = of_block["value"]
        elif text.startswith(("file", "test:", "python", "sh ")):
            raise ValueError(f"{page.name}:{line}: CONTRIBUTING.md has no comment such as {text!r}")
    return of_next
