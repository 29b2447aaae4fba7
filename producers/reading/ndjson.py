"""Reads one JSON value per line: an object with the id in a field, or the id itself as a string."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from producers.reading.blocks import Block, Overlong
from producers.reading.plain import overlong_line
from producers.reading.rows import Malformed, Row, checked, trimmed
from worker.core.errors import BadInputError

DEFAULT_FIELD = "id"


def ndjson_rows(blocks: Iterable[Block | Overlong], field: str | None) -> Iterator[Row]:
    """Yields the rows of `blocks`.

    `field` is the key of the id, which may contain dots, or the path to it through inner objects. Without
    `field`, bare strings are ids too. Raises `BadInputError` for a path with an empty step.
    """
    path = (DEFAULT_FIELD if field is None else field).split(".")
    if "" in path:
        raise BadInputError("--field: expected a key, or keys joined by single dots, as in --field token.id")
    decode = msgspec.json.Decoder().decode
    for block in blocks:
        if isinstance(block, Overlong):
            yield Malformed(block.line, overlong_line())
            continue
        for line, raw in enumerate(block.data.split(b"\n"), block.first):
            if raw and not raw.isspace():
                yield _row(line, raw, decode, path, bare=field is None)


def _row(line: int, raw: bytes, decode: Callable[[bytes], Any], path: list[str], *, bare: bool) -> Row:
    try:
        value = decode(raw)
    except UnicodeDecodeError:
        return Malformed(line, _where_not_utf8(raw))
    except msgspec.DecodeError:
        return Malformed(line, _where_not_utf8(raw) or "not valid JSON")
    except RecursionError:
        return Malformed(line, "JSON nested too deeply")
    field = ".".join(path)
    if isinstance(value, dict) and field in value:
        value = value[field]
    elif not (bare and isinstance(value, str)):
        for key in path:
            if not isinstance(value, dict) or key not in value:
                return Malformed(line, f"no field {field}")
            value = value[key]
    if not isinstance(value, str):
        return Malformed(line, f"field {field} is not a string")
    return checked(line, trimmed(value))


def _where_not_utf8(raw: bytes) -> str:
    """Names the first byte of the line that is not UTF-8; '' if there is none."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8 at byte {error.start + 1}"
    return ""
