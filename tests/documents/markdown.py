"""Reads the repository's documents as GitHub renders them."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).resolve().parents[2]
_FOLDERS: Final = (".github", "deploy", "producers", "tests", "worker")
_PARSER: Final = MarkdownIt("commonmark").enable("table")


class Piece(NamedTuple):
    """Text of a document, with the number of its line in the file, from 1."""

    line: int
    text: str


class Fence(NamedTuple):
    """A block of code. `language` is '' for an indented one."""

    line: int
    language: str
    text: str


class Link(NamedTuple):
    line: int
    target: str


class Section(NamedTuple):
    """A heading with what stands below it, up to the next heading of any level."""

    line: int
    heading: str
    anchor: str
    text: str


@dataclass(frozen=True)
class Document:
    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def _tokens(self) -> list[Token]:
        return _PARSER.parse(self.text)

    def _inline(self) -> Iterator[tuple[int, Token]]:
        """Every token within paragraphs, headings and cells, with its line."""
        for token in self._tokens:
            if token.type == "inline":
                assert token.map is not None
                for child in token.children or ():
                    yield token.map[0] + 1, child

    def spans(self) -> list[Piece]:
        """What stands between backticks in running text."""
        return [Piece(line, child.content) for line, child in self._inline() if child.type == "code_inline"]

    def fences(self) -> list[Fence]:
        """The blocks of code. `line` is that of the fence, or the first line of an indented block."""
        return [
            Fence((token.map or [0])[0] + 1, token.info.strip(), token.content)
            for token in self._tokens
            if token.type in {"fence", "code_block"}
        ]

    def links(self) -> list[Link]:
        """The targets of links and pictures."""
        found = []
        for line, child in self._inline():
            if child.type == "link_open":
                found.append(Link(line, str(child.attrs["href"])))
            elif child.type == "image":
                found.append(Link(line, str(child.attrs["src"])))
            elif child.type == "html_inline":
                found += [Link(line, target) for target in _html_targets(child.content)]
        for token in self._tokens:
            if token.type == "html_block":
                line = (token.map or [0])[0] + 1
                found += [Link(line, target) for target in _html_targets(token.content)]
        return found

    def sections(self) -> list[Section]:
        lines = self.text.splitlines()
        seen: Counter[str] = Counter()
        heads = []
        for token, inline in pairwise(self._tokens):
            if token.type == "heading_open":
                words = "".join(child.content for child in inline.children or ())
                anchor = slug(words)
                heads.append(
                    (token.map or [0, 0], words, f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
                )
                seen[anchor] += 1
        ends = [where[0] for where, _, _ in heads[1:]] + [len(lines)]
        return [
            Section(where[0] + 1, words, anchor, "\n".join(lines[where[1] : end]))
            for (where, words, anchor), end in zip(heads, ends, strict=True)
        ]

    def section(self, heading: str) -> Section:
        (found,) = [section for section in self.sections() if section.heading == heading]
        return found


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a text as rows of cells as they are written, the heading first."""
    found: list[list[list[str]]] = []
    inside = False
    for token in _PARSER.parse(text):
        match token.type:
            case "table_open":
                inside = True
                found.append([])
            case "table_close":
                inside = False
            case "tr_open":
                found[-1].append([])
            case "inline" if inside:
                found[-1][-1].append(token.content)
            case _:
                pass
    return found


def rows(text: str) -> list[list[str]]:
    """The rows of the only table of a text, without its heading."""
    ((_, *found),) = tables(text)
    return found


def quoted(text: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", text)


def _html_targets(html: str) -> list[str]:
    return re.findall(r'(?:href|src|srcset)="([^"]+)"', html)


def slug(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@cache
def documents() -> tuple[Document, ...]:
    """Every document of the repository, the one at the top first."""
    below = [path for folder in _FOLDERS for path in sorted((ROOT / folder).rglob("*.md"))]
    return tuple(Document(path) for path in (ROOT / "README.md", *below))


def document(name: str) -> Document:
    (found,) = [document for document in documents() if document.name == name]
    return found
