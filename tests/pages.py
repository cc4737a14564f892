"""The project's pages (Markdown) as the tests read them: headings, links, and sections with what is to be run in them.

CONTRIBUTING.md has the conventions, which are HTML comments and so are not shown to readers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

ROOT = Path(__file__).parent.parent
_MARKDOWN = MarkdownIt("commonmark").enable("table")
_COMMENT = re.compile(r"<!--\s*(.*?)\s*-->\s*", re.DOTALL)
_HIDDEN = re.compile(r"(file: (?P<file>\S+)|(?P<language>python|sh))\n(?P<code>.*)", re.DOTALL)


class Block(NamedTuple):
    """Code on a page.

    - ``language``: what the page calls it, such as ``"python"``.
    - ``line``: that of its first line of code in the page, from 1.
    - ``file``: the name of the file that it is, or ``""``.
    - ``copied``: the directory of the project whose files it stands for, or ``""``.
    - ``skipped``: why it is not run, or ``""``.
    """

    language: str
    code: str
    line: int
    file: str = ""
    copied: str = ""
    skipped: str = ""


class Section:
    """What is below one heading and above the next, and the sections that it is in, from the page's title on."""

    def __init__(self, page, title, level, outer):
        self.page, self.title, self.level, self.outer = page, title, level, outer
        self.anchor = ""
        self.blocks = []

    @property
    def id(self):
        """What pytest calls it."""
        return f"{self.page.name}#{self.anchor}"


class Page(NamedTuple):
    """``links`` are pairs of a line's number and a target."""

    path: Path
    sections: list[Section]
    links: list[tuple[int, str]]
    text: str

    @property
    def name(self):
        return self.path.relative_to(ROOT).as_posix()

    @property
    def anchors(self):
        return {section.anchor for section in self.sections}

    @property
    def blocks(self):
        return [block for section in self.sections for block in section.blocks]


@lru_cache(maxsize=None)
def read_page(path):
    """The page in the file ``path``. Raises ValueError, which names the line, for a comment that it misunderstands."""
    page = Page(path, [], [], path.read_text(encoding="utf-8"))
    page.sections.append(Section(page, "", 0, []))
    tokens = _MARKDOWN.parse(page.text)
    pending = {}
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            _begin_section(page, _plain_text(tokens[index + 1]), int(token.tag[1:]))
        elif token.type == "inline":
            page.links.extend((token.map[0] + 1, target) for target in _find_links(token))
        elif token.type == "html_block":
            page.links.extend((token.map[0] + 1, target) for target in _find_html_links(token.content))
            pending.update(_read_comments(page, token))
        elif token.type in ("fence", "code_block"):
            page.sections[-1].blocks.append(
                Block(token.info.strip(), token.content, token.map[0] + 1 + (token.type == "fence"), **pending)
            )
            pending = {}
    if pending:
        raise ValueError(f"{page.name}: after the last comment {pending} comes no block")
    return page


def _begin_section(page, title, level):
    last = page.sections[-1]
    section = Section(page, title, level, [each for each in (*last.outer, last) if each.level < level])
    slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
    taken = [each.anchor for each in page.sections]
    section.anchor = next(name for name in (slug, *(f"{slug}-{n}" for n in range(1, 99))) if name not in taken)
    page.sections.append(section)


def _plain_text(inline):
    return "".join(child.content for child in inline.children if child.type in ("text", "code_inline"))


def _find_links(inline):
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
    """What the comments say of the block that follows; the blocks that stand in the comments themselves are added."""
    of_next = {}
    for match in _COMMENT.finditer(token.content):
        text = match[1]
        line = token.map[0] + 1 + token.content[: match.start()].count("\n")
        hidden = _HIDDEN.fullmatch(text)
        key, _, value = text.partition(": ")
        if hidden:
            block = Block(hidden["language"] or "", hidden["code"] + "\n", line + 1, hidden["file"] or "")
            page.sections[-1].blocks.append(block)
        elif key == "files":
            page.sections[-1].blocks.append(Block("", "", line, copied=value))
        elif key == "file":
            of_next["file"] = value
        elif text.startswith("test:"):
            if not re.fullmatch(r"skip: \S.+", value):
                raise ValueError(f"{page.name}:{line}: expected <!-- test: skip: the reason -->, got {text!r}")
            of_next["skipped"] = value[len("skip: ") :]
    return of_next
