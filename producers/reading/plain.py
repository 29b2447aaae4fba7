"""Reads one id per line."""

from collections.abc import Iterable, Iterator
from itertools import chain

from producers.reading.blocks import MAX_LINE, Block, Overlong
from producers.reading.rows import IdSpan, Malformed, Parsed, Row, checked, grouped, trimmed
from worker.core.ids import MAX_ID_LENGTH

_ORDINARY = bytes(range(0x21, 0x7F)) + b"\n"
"""Printable ASCII and line feeds."""


def plain_rows(blocks: Iterable[Block | Overlong]) -> Iterator[Parsed]:
    """Yields the rows of `blocks`."""
    return chain.from_iterable(map(_rows, blocks))


def _rows(block: Block | Overlong) -> Iterable[Parsed]:
    if isinstance(block, Overlong):
        return [Malformed(block.line, overlong_line())]
    return _ordinary_rows(block) or grouped(_any_rows(block))


def overlong_line() -> str:
    """Why a line longer than `MAX_LINE` is malformed."""
    return f"longer than {MAX_LINE} bytes"


def _ordinary_rows(block: Block) -> list[IdSpan] | None:
    """The rows of a block in which every line is certainly an id, several times faster; otherwise None.

    Certain means printable ASCII without spaces, and no line blank or too long.
    """
    if block.data.translate(None, _ORDINARY):
        return None
    ids = block.data.removesuffix(b"\n").decode("ascii").split("\n")
    lengths = set(map(len, ids))
    if min(lengths) == 0 or max(lengths) > MAX_ID_LENGTH:
        return None
    return [IdSpan(range(block.first, block.first + len(ids)), ids)]


def _any_rows(block: Block) -> Iterator[Row]:
    for line, raw in enumerate(block.data.split(b"\n"), block.first):
        try:
            text = trimmed(raw.decode())
        except UnicodeDecodeError as error:
            yield Malformed(line, f"not UTF-8 at byte {error.start + 1}")
            continue
        if text:
            yield checked(line, text)
