"""Reads the moves of Mermaid's state diagrams."""

import re
from typing import Final

Moves = set[tuple[str, str]]

_MOVE: Final = re.compile(r"^(\S+) --> ([^\s:]+)")
_BOX: Final = re.compile(r"^state (\w+) \{$")


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
