"""Reads the documents: rows of tables, and the moves of Mermaid's state diagrams."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

Moves = set[tuple[str, str]]

_MOVE: Final = re.compile(r"^(\S+) --> ([^\s:]+)")
_BOX: Final = re.compile(r"^state (\w+) \{$")


def section(page: str, heading: str) -> str:
    """What stands under `## heading`, up to the next heading of that level. Raises `IndexError`."""
    return f"{page}\n".split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each row of the tables in `text`, without their heads."""
    lines = text.splitlines()
    heads = {number - 1 for number, line in enumerate(lines) if line.startswith("|--")}
    for number, line in enumerate(lines):
        if line.startswith("| ") and number not in heads:
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def quoted(text: str) -> list[str]:
    """Everything between backticks."""
    return re.findall(r"`([^`]+)`", text)


def blocks(page: str, kind: str) -> list[str]:
    """The fenced blocks of a kind, such as `mermaid`."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def moves(diagram: str) -> Moves:
    """The moves of a state diagram, which begins at `[*]`. A move from a box is one from each state in it."""
    found: Moves = set()
    first: dict[str, str] = {}
    inside: dict[str, set[str]] = {}
    box = ""
    for line in map(str.strip, diagram.splitlines()):
        if (opened := _BOX.match(line)) is not None:
            box = opened[1]
            inside[box] = set()
        elif line == "}":
            box = ""
        elif (move := _MOVE.match(line)) is not None:
            begin, end = move.groups()
            if box:
                inside[box] |= {begin, end} - {"[*]"}
            if box and begin == "[*]":
                first[box] = end
            else:
                found.add((begin, end))
    return {(one, first.get(end, end)) for begin, end in found for one in (inside.get(begin) or {begin})}
