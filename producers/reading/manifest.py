"""Counts what a list holds."""

from producers.reading.rows import Duplicate, IdSpan, Piece
from worker.core.reporting.schema import Manifest


class ManifestCounter:
    """Counts unique ids, duplicates and malformed lines; `lines` is their sum."""

    def __init__(self) -> None:
        self._unique = 0
        self._duplicates = 0
        self._malformed = 0

    def count(self, piece: Piece) -> None:
        if isinstance(piece, IdSpan):
            self._unique += len(piece.ids)
        elif isinstance(piece, Duplicate):
            self._duplicates += 1
        else:
            self._malformed += 1

    def manifest(self, sha256: str | None) -> Manifest:
        lines = self._unique + self._duplicates + self._malformed
        return Manifest(sha256, lines, self._unique, self._duplicates, self._malformed)
