"""The first pass over a list: checks that it is a list of ids, and collects what the second pass needs."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Final

from producers.reading.advice import abbreviated, advice
from producers.reading.dedupe import Hashes
from producers.reading.formats import format_of, parse
from producers.reading.options import InputOptions
from producers.reading.rows import Malformed
from producers.reading.signatures import format_hint, is_archive
from producers.reading.source import Source
from worker.core.errors import BadInputError

_SAMPLE: Final = 1000
"""Ids from the start of the list on which warnings are based."""
_MAX_KINDS: Final = 3
"""Kinds of faults that a message lists."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the first pass over a list has found."""

    repeated: set[int]
    """Hashes of ids that occur more than once."""
    first: str
    """The first id, abbreviated; '' for a list without ids."""
    last: str
    """The last id, abbreviated likewise."""
    advice: tuple[str, ...]
    """What looks like a mistake, one sentence each."""


def survey(source: Source, options: InputOptions) -> Survey:
    """Reads the whole list once, before anything of it is stored.

    Raises `BadInputError` as `parse` does, with `options.strict` at the first malformed line, and for a list
    most of whose lines are malformed, unless `options.allow_malformed`.
    """
    hashes, faults = Hashes(), _Faults()
    rows = 0
    sample: list[str] = []
    last = ""
    for piece in parse(source, options):
        if isinstance(piece, Malformed):
            if options.strict:
                raise BadInputError(f"{source.name}: line {piece.line}: {piece.why} (--strict)")
            faults.add(piece)
            continue
        hashes.add(piece.ids)
        rows += len(piece.ids)
        last = piece.ids[-1]
        if len(sample) < _SAMPLE:
            sample += piece.ids[: _SAMPLE - len(sample)]
    kind = format_of(source, options)
    hint = partial(format_hint, source, kind)
    is_no_list = faults.count > rows or (faults.count > 0 and is_archive(source, kind))
    if is_no_list and not options.allow_malformed:
        others = f", or send the other {rows:,} alone with --allow-malformed" if rows else ""
        # A file of another format gets no advice to send its well-formed lines.
        cure = hint() or f"; mend the list{others}"
        raise BadInputError(
            f"{source.name}: {faults.count:,} of {rows + faults.count:,} lines are malformed, and nothing was"
            f" stored or sent: {faults.commonest()}{cure}"
        )
    return Survey(
        hashes.repeated(),
        abbreviated(sample[0]) if sample else "",
        abbreviated(last) if last else "",
        tuple(advice(sample, hint)),
    )


class _Faults:
    """Counts malformed lines by reason, with numbers in the reason ignored."""

    def __init__(self) -> None:
        self.count = 0
        self._kinds: Counter[str] = Counter()
        self._examples: dict[str, Malformed] = {}

    def add(self, row: Malformed) -> None:
        kind = _NUMBER.sub("#", row.why)
        self.count += 1
        self._kinds[kind] += 1
        self._examples.setdefault(kind, row)

    def commonest(self) -> str:
        examples = ((count, self._examples[kind]) for kind, count in self._kinds.most_common(_MAX_KINDS))
        return ", ".join(f"{count:,} like line {row.line} ({row.why})" for count, row in examples)


_NUMBER: Final = re.compile(r"\d+")
